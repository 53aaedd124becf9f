"""A client that was busy goes silent while the others go on."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, made_row

from schoolgate._core import LogRow
from schoolgate.monitoring.detectors import silence
from schoolgate.monitoring.detectors.silence import BIN_S, SilentClients
from schoolgate.policy.monitoring import Silence
from schoolgate.policy.school_calendar import SchoolDays, calendar_of

START = -(NOW_S % BIN_S)


def lesson(clients: int, bins: range, queries: int = 12, first: int = 0) -> list[LogRow]:
    """So many clients, each with so many names in each of these stretches of five minutes."""
    return [
        made_row(f"n{query}.example.org", at=START + one * BIN_S + query, client=f"p-{client}")
        for one in bins
        for client in range(first, clients)
        for query in range(queries)
    ]


def found(rows: list[LogRow], until_bin: int, settings: Silence | None = None) -> list[str]:
    """The clients told of when the log is looked at after each stretch."""
    detector = SilentClients(settings or Silence())
    told = []
    for one in range(until_bin + 1):
        end_s = NOW_S + START + one * BIN_S
        list(detector.feed(row for row in rows if end_s - BIN_S <= row.time_s < end_s))
        told += [finding.client for finding in detector.look(end_s)]
    return told


def test_one_that_leaves_while_the_others_go_on_is_told_once() -> None:
    rows = lesson(5, range(4)) + lesson(5, range(4, 14), first=1)
    assert found(rows, 14) == ["p-0"]


def test_when_the_bell_rings_nobody_is_told_of() -> None:
    assert found(lesson(20, range(4)) + lesson(24, range(14), first=20), 14) == []


def test_when_the_network_is_down_nobody_is_told_of() -> None:
    assert found(lesson(20, range(4)), 14) == []


def test_one_that_was_hardly_busy_may_go() -> None:
    rows = lesson(1, range(4), queries=9) + lesson(6, range(14), first=1)
    assert found(rows, 14) == []


def test_a_pause_shorter_than_the_quiet_time_is_reading() -> None:
    rows = lesson(5, range(4)) + lesson(5, range(4, 7), first=1) + lesson(5, range(7, 14))
    assert found(rows, 14) == []


def test_in_a_segment_of_two_nothing_can_be_said() -> None:
    assert found(lesson(2, range(4)) + lesson(2, range(4, 14), first=1), 14) == []


def test_memory_is_bounded_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "MOST_CLIENTS", 10)
    detector = SilentClients(Silence())
    list(detector.feed(lesson(50, range(1))))
    assert len(detector._clients) == 10
    for one in range(20):
        list(detector.look(NOW_S + START + one * BIN_S))
    assert len(detector._clients) == 0


def test_only_the_newest_stretches_of_a_client_are_kept() -> None:
    detector = SilentClients(Silence())
    list(detector.feed(lesson(1, range(100), queries=1)))
    assert len(detector._clients.of("p-0").bins) <= 10


def test_it_survives_a_restart() -> None:
    before, after = SilentClients(Silence()), SilentClients(Silence())
    list(before.feed(lesson(5, range(4)) + lesson(5, range(4, 9), first=1)))
    after.load(orjson.loads(orjson.dumps(before.saved())))
    assert [one.client for one in after.look(NOW_S + START + 8 * BIN_S)] == ["p-0"]


def test_a_class_that_closes_its_devices_together_is_told_of_by_nobody() -> None:
    """Thirty of two hundred: few of the segment, and yet one thing."""
    assert found(lesson(30, range(4)) + lesson(200, range(14), first=30), 14) == []
    assert found(lesson(3, range(4)) + lesson(60, range(14), first=3), 14) == []
    assert found(lesson(2, range(4)) + lesson(60, range(14), first=2), 14) == ["p-0", "p-1"]


def test_a_device_that_is_switched_off_on_a_day_without_pupils_is_no_finding() -> None:
    day = dt.datetime.fromtimestamp(NOW_S, dt.UTC).date()
    calendar = calendar_of([SchoolDays(day, day, "inset", "Inset day")])
    rows = lesson(5, range(4)) + lesson(5, range(4, 14), first=1)
    detector = SilentClients(Silence(), ZoneInfo("UTC"), lambda: calendar)
    for one in range(15):
        end_s = NOW_S + START + one * BIN_S
        list(detector.feed(row for row in rows if end_s - BIN_S <= row.time_s < end_s))
        assert list(detector.look(end_s)) == []
