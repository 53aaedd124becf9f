"""The query log when the disk fills up, its directory goes, the process is killed: DNS goes on, losses are counted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import needs_mounts
from tests.failures.school import UNLIMITED, School
from tests.failures.test_disk import empty, fill, start_on_small_disk
from tests.waiting import until

from schoolgate._core import log_read

KEPT, LAST = 200, 100


def log_of(here: School) -> dict[str, Any]:
    told: dict[str, Any] = here.status()["query_log"]
    return told


def names(state: Path) -> list[str]:
    files = sorted((state / "log" / "wal").glob("*.wal"))
    return [row.qname for path in files for row in log_read(path, 0, 1 << 30)[0]]


@pytest.fixture
def on_small_disk(school: MakeSchool) -> School:
    """A server whose state directory is a disk of its own."""
    here: School = school(is_started=False)
    start_on_small_disk(here)
    return here


@needs_mounts
def test_on_a_full_disk_dns_goes_on_and_lost_rows_are_counted_until_there_is_room(on_small_disk: School) -> None:
    here = on_small_disk
    fill(here)
    until(lambda: here.filters() and sum(log_of(here)["dropped_disk"].values()) > 0)
    assert "No space left" in log_of(here)["problem"]
    assert any("not recorded" in problem for problem in here.status()["problems"])
    assert here.rcode("www.example.org") == "NOERROR"
    empty(here)
    until(lambda: here.filters() and log_of(here)["problem"] is None)
    before = sum(log_of(here)["rows"].values())
    assert here.filters()
    until(lambda: sum(log_of(here)["rows"].values()) >= before + 2)


def test_when_its_directory_is_removed_it_is_made_again_and_the_loss_is_counted(school: MakeSchool) -> None:
    here = school()
    assert here.filters()
    until(lambda: sum(log_of(here)["rows"].values()) == 2)
    shutil.rmtree(here.state / "log")
    assert here.filters()
    until(lambda: (here.state / "log" / "wal").exists() and sum(log_of(here)["dropped_disk"].values()) > 0)
    until(lambda: here.filters() and len(names(here.state)) >= 2)


def test_killed_it_loses_the_last_rows_at_most_and_the_next_start_goes_on(school: MakeSchool) -> None:
    """Each turn of the log writer writes all it took, and it rests for a part of a second between two."""
    here = school()
    asked = [f"n{at}.example.org" for at in range(KEPT + LAST)]
    for name in asked[:KEPT]:
        here.ask(name, source=UNLIMITED)
    until(lambda: sum(log_of(here)["rows"].values()) >= KEPT)
    for name in asked[KEPT:]:
        here.ask(name, source=UNLIMITED)
    here.kill()
    found = names(here.state)
    assert len(found) >= KEPT, "what was counted as written is there"
    assert found == asked[: len(found)], "nothing is missing in between"
    kept = set(found)
    numbers = {path.name for path in (here.state / "log" / "wal").iterdir()}
    here.start()
    assert here.rcode("after.example.org") == "NOERROR"
    until(lambda: "after.example.org" in names(here.state))
    assert kept <= set(names(here.state))
    assert {path.name for path in (here.state / "log" / "wal").iterdir()} > numbers, "files of its own"


def test_sigterm_loses_nothing(school: MakeSchool) -> None:
    here = school()
    for number in range(50):
        here.ask(f"n{number}.example.org")
    here.stop()
    assert {f"n{number}.example.org" for number in range(50)} <= set(names(here.state))
