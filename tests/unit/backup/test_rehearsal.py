"""The settings of a test restore: only what decides and answers, at addresses of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.backup.backed_up import School

from schoolgate.backup import identities
from schoolgate.backup.private_folder import private_folder
from schoolgate.backup.rehearsal import settings_for
from schoolgate.backup.restoring import unpack
from schoolgate.config import Settings, load

DOORS = """
[tls]
certificate = "/etc/schoolgate/dns.crt"
key = "/etc/schoolgate/dns.key"
[doors]
dot = ["192.0.2.1:853"]
doh = ["192.0.2.1:443"]
[metrics]
listen = "192.0.2.1:9153"
[cache]
max_ttl_s = 600
"""


@pytest.fixture
def rehearsed(school: School, tmp_path: Path) -> Settings:
    """Of a school whose settings open everything that listens."""
    with school.config.open("a", encoding="utf-8") as config:
        config.write(DOORS)
    school.create()
    keys = identities.read_identities(school.identity, lambda: "")
    with private_folder(".test-", tmp_path) as folder, school.backups()[0].open("rb") as source:
        return load(settings_for(folder, unpack(source, keys, folder)))


def test_a_test_restore_listens_on_no_address_of_the_school(rehearsed: Settings, school: School) -> None:
    assert school.settings.dot_addresses and school.settings.doh_addresses
    assert [str(one) for one in rehearsed.server.listen] == ["127.0.0.1:0"]
    assert (rehearsed.dot_addresses, rehearsed.doh_addresses, rehearsed.metrics.listen) == ((), (), "")


def test_a_test_restore_keeps_what_decides(rehearsed: Settings, school: School) -> None:
    assert rehearsed.cache == school.settings.cache
    assert [one.category for one in rehearsed.lists.extra] == ["games"]
    assert rehearsed.backup.targets == {}
