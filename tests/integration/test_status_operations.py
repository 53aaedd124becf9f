"""How it is, as values: of a server that runs, of one that does not, and for each role's first page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.serving import Serving

from schoolgate.config.diagnostics import Diagnostic
from schoolgate.operations import asking
from schoolgate.operations.status_results import HomeShown, StatusShown


def ask(school: Serving, name: str, **arguments: Any) -> Any:
    return asking.ask(school.config, name, lambda _: None, **arguments)


def ids(found: tuple[Diagnostic, ...]) -> set[str]:
    return {one.id for one in found}


def test_a_server_that_is_well_is_shown_whole(server: Serving) -> None:
    server.until(lambda: server.control("status")["categories"] is not None)
    shown: StatusShown = ask(server, "status.show")
    assert shown.is_serving
    assert ("udp", f"127.0.0.1:{server.port}") in {(one.door, one.address) for one in shown.listeners}
    assert shown.policy is not None
    assert shown.policy.segments == {"pupils": "pupil", "staff": "staff", "guests": "guest"}
    assert shown.lists is not None
    assert shown.lists.entries > 1000
    assert [one.address for one in shown.forwarders] == [
        one["forwarder"] for one in server.control("status")["forwarders"]
    ]
    processes = {one.name: one.is_running for one in shown.processes}
    assert processes == {"serve": True, "monitor": False, "control": False}
    assert shown.disk.whole > shown.disk.free > 0
    assert shown.query_log is not None
    assert set(shown.query_log.lost.values()) == {0}


def test_what_is_not_protected_yet_is_no_alarm_and_says_what_would(server: Serving) -> None:
    server.until(lambda: server.control("status")["categories"] is not None)
    shown: StatusShown = ask(server, "status.show")
    assert {"categories-starter-only", "category-unlisted", "sealed-none"} <= ids(shown.unprotected)
    assert all(one.sentence and one.remedy for one in shown.unprotected)
    assert not {one for one in ids(shown.problems) if one.startswith("categor")}


def test_texts_and_values_of_problems_are_the_same_ones(server: Serving) -> None:
    report = server.control("status")
    assert len(report["problems"]) == len(report["diagnostics"])
    for text, one in zip(report["problems"], report["diagnostics"], strict=True):
        assert one["sentence"] in text
        assert one["remedy"] in text


def test_the_first_page_has_numbers_and_no_technique(server: Serving) -> None:
    found: HomeShown = ask(server, "status.home")
    assert found.is_serving
    assert found.segments == {"pupils": "pupil", "staff": "staff", "guests": "guest"}
    assert b"127.0.0.1" not in orjson.dumps(found)


@pytest.fixture
def stopped(start: Start) -> Serving:
    return start(is_started=False)


def test_without_a_server_files_say_what_they_can(stopped: Serving) -> None:
    shown: StatusShown = ask(stopped, "status.show")
    assert not shown.is_serving
    first = shown.problems[0]
    assert (first.id, first.subject) == ("not-serving", "serve")
    assert "schoolgate serve" in first.remedy
    assert "backup" in ids(shown.problems)
    assert "categories-starter-only" in ids(shown.unprotected)
    assert shown.policy is shown.lists is None


def test_a_disk_that_is_nearly_full_is_a_problem(stopped: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 970, 30))
    shown: StatusShown = ask(stopped, "status.show")
    assert "disk-low" in ids(shown.problems)
    assert shown.disk.path == str(Path(stopped.state))
