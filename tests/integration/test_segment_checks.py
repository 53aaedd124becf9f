"""The check from inside each segment, against the real server over real sockets: what it must find, and what it says
where it cannot look."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.integration.serving import Serving
from tests.integration.upstream_thread import UpstreamThread

from schoolgate.checks.own_questions import read_questions
from schoolgate.checks.segment_check import NetworkChecked, SegmentsChecked, check_segments
from schoolgate.config import load
from schoolgate.operations.governance.check_plans import probes
from schoolgate.querylog import Query, QueryLog
from schoolgate.reports.own_checks import OwnChecks
from schoolgate.sealed.selftest_rows import announced

POLICY = """\
format = 1
allowed_clients = ["127.0.0.0/30", "198.51.100.0/24", "127.0.0.9/32"]
strictest = "strict"

[policies.strict]
categories = { gambling = "deny", pornography = "deny", social = "deny" }
safesearch = { google = true }

[policies.open]
categories = { pornography = "deny" }

[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "strict"

[segments.staff]
prefixes = ["127.0.0.2/32"]
policy = "open"

# A wrong access list: its addresses are in no allowed_clients, so the server refuses them.
[segments.forgotten]
prefixes = ["127.0.0.4/32"]
policy = "strict"

# A network without an address of this machine.
[segments.afar]
prefixes = ["198.51.100.0/24"]
policy = "strict"

[segments.annexe]
prefixes = ["127.0.0.9/32"]
policy = "strict"
"""


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread, built: Path) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("segments"), upstream.port, policy=POLICY)
    shutil.copytree(built, made.state / "lists", symlinks=True)
    (made.folder / "sealed").write_text("unmistakable-sealed.example.org\n", encoding="utf-8")
    assert made.cli("sealed", "import", made.folder / "sealed", "--supplier", "iwf").returncode == 0
    made.start()
    yield made
    made.stop()


def checked(school: Serving, listen: tuple[str, ...] = ()) -> SegmentsChecked:
    """The check, with the addresses that the settings name as those of the server."""
    config = school.config
    if listen:
        config = school.folder / "other.toml"
        asked = ", ".join(f'"{one}"' for one in listen)
        text = school.config.read_text(encoding="utf-8").replace('listen = ["127.0.0.1:0"]', f"listen = [{asked}]")
        # A server may not ask itself: where the check is sent to the forwarder, another one stands in the settings.
        config.write_text(re.sub("servers = .*", 'servers = ["127.0.0.1:9"]', text), encoding="utf-8")
    return check_segments(config, load(config), dt.datetime.now(dt.UTC))


def rows(found: SegmentsChecked) -> dict[str, NetworkChecked]:
    return {one.segment: one for one in found.networks}


def test_each_network_is_as_it_is_and_what_cannot_be_looked_at_is_never_good(school: Serving) -> None:
    found = checked(school)
    row = rows(found)
    assert (row["pupils"].state, row["pupils"].reason) == ("good", "")
    assert row["staff"].state == "good"
    assert row["pupils"].source == "127.0.0.1"
    assert {one.transport for one in row["pupils"].answers} == {"udp", "tcp"}
    came = {one.probe: one.came for one in row["pupils"].answers if one.transport == "udp"}
    assert (came["category:gambling"], came["safesearch:google"]) == ("closed", "safe mode")
    assert {one.came for one in row["pupils"].answers if one.probe == "sealed"} == {"sealed"}
    assert came["way-round:use-application-dns.net"] == "no such name"
    assert {one.expected for one in row["staff"].answers if one.probe == "category:gambling"} == {"not closed"}

    assert row["forgotten"].state == "failed"
    assert "refused" in row["forgotten"].reason
    assert (row["afar"].state, row["afar"].answers) == ("not covered", ())
    assert row["afar"].reason == "not checked from inside: this machine has no address there"
    assert found.state == "failed"
    assert checked(school).digest == found.digest, "the same result is the same record"


@pytest.mark.parametrize(("client", "policy"), [("127.0.0.1", "strict"), ("127.0.0.2", "open")])
def test_a_device_is_given_the_names_of_its_own_policy_to_try(school: Serving, client: str, policy: str) -> None:
    settings = load(school.config)
    work = SimpleNamespace(settings=settings, config=school.config, now=dt.datetime.now(dt.UTC))
    shown = probes(cast(Any, work), client=client)
    assert (shown.policy, shown.problem) == (policy, None)
    closed = {one.name.partition(".")[0] for one in shown.probes if one.expected == "closed"}
    assert ("gambling" in closed) is (policy == "strict")


def test_every_question_that_a_check_asked_is_known_as_its_own_in_the_log(school: Serving) -> None:
    found = checked(school)
    own, since = read_questions(school.state), found.at
    asked = sum(len(one.answers) for one in found.networks if one.state == "good")

    def written() -> bool:
        with QueryLog(school.state) as log:
            of_check = log.search(Query(since=since), most=10_000).rows
        for one in of_check:
            at_us = int(one.time.timestamp() * 1e6)
            if one.layer == "sealed":
                # Its name is withheld; what is announced of the self-test tells it apart.
                assert any(two.fits(one.client, one.door, at_us) for two in announced(school.state))
            else:
                assert own.has(one.client, one.qname, at_us)
        return len(of_check) >= asked

    school.until(written)
    counted = OwnChecks(school.state).cells(since - dt.timedelta(days=1), found.at + dt.timedelta(days=1))
    with QueryLog(school.state) as log:
        cells = log.rollup(since - dt.timedelta(days=1), found.at + dt.timedelta(days=1),
                           by=("segment", "action", "layer", "category"))  # fmt: skip
    logged = {tuple(str(key or "") for key in one.key): one.rows for one in cells}
    # Its denials are known by layer and category, so that a report can leave them out.
    assert {key: count for key, count in logged.items() if key[1] == "deny" and key[3]} == dict(counted)
    assert not own.has("127.0.0.1", "www.example.org", int(since.timestamp() * 1e6))


def test_a_listener_that_is_not_there_turns_its_network_red_and_no_other(school: Serving) -> None:
    live, dead = f"127.0.0.1:{school.port}", f"127.0.0.9:{school.port}"
    row = rows(checked(school, (live, dead)))
    assert row["annexe"].state == "failed"
    assert row["annexe"].at == dead
    assert {one.came for one in row["annexe"].answers} == {"no answer"}
    assert row["pupils"].state == "good"


def test_another_server_that_answers_in_our_place_is_found_by_what_it_lets_through(
    school: Serving, upstream: UpstreamThread
) -> None:
    row = rows(checked(school, (f"127.0.0.1:{upstream.port}",)))
    assert row["pupils"].state == "failed"
    wrong = {one.probe for one in row["pupils"].wrong}
    assert {"category:gambling", "category:pornography", "safesearch:google"} <= wrong
    assert not any(one.startswith("open:") for one in wrong)


def test_a_server_that_is_down_is_found(school: Serving) -> None:
    silent = f"127.0.0.1:{school.port}"
    school.stop()
    try:
        found = checked(school, (silent,))
    finally:
        school.start()
    assert {one.state for one in found.networks} == {"failed", "not covered"}
    assert "no answer" in rows(found)["pupils"].reason
