"""One service asks another by its encrypted doors: settings, answers, status, `check forwarders`, reload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.encrypted_clients import NAME, Certificates, port
from tests.integration.serving import Serving, texts
from tests.integration.upstream_thread import UpstreamThread

OPEN = "www.example.org"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.issue()
    return made


@pytest.fixture(scope="module")
def behind(
    tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread, certificates: Certificates
) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("behind"), upstream.port, settings=certificates.settings)
    serving.start()
    yield serving
    serving.stop()


def forwarders(behind: Serving, certificates: Certificates, name: str = NAME) -> str:
    how = f'name = "{name}", roots = "{certificates.root}"'
    tables = [
        f'{{ address = "127.0.0.1:{port(behind, door)}", transport = "{transport}", {how} }}'
        for door, transport in (("dot", "tls"), ("doh", "https"))
    ]
    return f'[forwarders]\nservers = [{", ".join(tables)}]\nstrategy = "first-healthy"\n'


def test_a_service_asks_encrypted_says_so_and_is_never_plain(
    tmp_path: Path, behind: Serving, certificates: Certificates
) -> None:
    front = Serving(tmp_path, 0, settings=forwarders(behind, certificates))
    front.start()
    try:
        assert texts(front.ask(OPEN)) == texts(behind.ask(OPEN))
        tls, https = front.control("status")["forwarders"]
        assert (tls["forwarder"], tls["transport"]) == (f"tls://127.0.0.1:{port(behind, 'dot')}", "tls")
        assert (tls["connections"]["open"], tls["problem"]) == (1, None)
        assert (https["transport"], https["sent"], https["problem"]) == ("https", 0, None)
        checked = front.cli("check", "forwarders", "--json")
        found = json.loads(checked.stdout)["forwarders"]
        assert [one["is_reached"] for one in found] == [True, True]
        assert all(NAME in one["certificate"]["names"] for one in found)
        # A name that its certificate does not have: nothing is asked any more, and `status` says why.
        text = front.config.read_text(encoding="utf-8")
        front.config.write_text(text.replace(f'name = "{NAME}"', 'name = "other.example"'), encoding="utf-8")
        assert front.cli("reload").returncode == 0
        assert front.rcode("new.example.org") == "SERVFAIL"
        assert any("not for the name other.example" in one for one in front.problems())
        assert front.cli("check", "forwarders").returncode == 3
    finally:
        front.stop()
