"""What our own checks had denied is taken out of what devices asked: by time, network, category and client."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.checks.own_questions import count_denied
from schoolgate.reports.own_checks import OwnChecks

NOON = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
PUPILS = [("pupils", "p-a", "category", "drugs", 2), ("pupils", "p-a", "threat", "malware", 1)]
STAFF = [("staff", "p-b", "category", "drugs", 1)]


def test_each_check_of_a_time_counts_and_the_same_is_kept_once(tmp_path: Path) -> None:
    for hour in range(4):
        for rows in (PUPILS, STAFF):
            count_denied(tmp_path, int((NOON + dt.timedelta(hours=hour)).timestamp() * 1e6), rows)
    own, until = OwnChecks(tmp_path), NOON + dt.timedelta(hours=3)
    assert own.cells(NOON, until) == {
        ("pupils", "deny", "category", "drugs"): 6,
        ("pupils", "deny", "threat", "malware"): 3,
        ("staff", "deny", "category", "drugs"): 3,
    }
    assert own.clients(NOON, until) == {"p-a": 9, "p-b": 3}
    assert own.clients(NOON, until, ["staff"]) == {"p-b": 3}
    assert own.hours(NOON, NOON + dt.timedelta(hours=1)) == {(NOON, "deny"): 4}
    assert own.hours(NOON, until, ["staff"]) == {(NOON + dt.timedelta(hours=one), "deny"): 1 for one in range(3)}
    assert (tmp_path / "checks/own-counts.json").read_bytes().count(b"malware") == 1


def test_a_file_that_cannot_be_read_takes_nothing_out(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    for octets in (b"", b"{", b'{"profiles": 5, "runs": []}', b'{"profiles": [[["a"]]], "runs": [[1, 0]]}'):
        (tmp_path / "checks/own-counts.json").write_bytes(octets)
        assert OwnChecks(tmp_path).cells(NOON - dt.timedelta(days=99_999), NOON) == {}
    count_denied(tmp_path, 0, PUPILS)
    assert OwnChecks(tmp_path).clients(dt.datetime(1969, 1, 1, tzinfo=dt.UTC), NOON) == {"p-a": 3}
