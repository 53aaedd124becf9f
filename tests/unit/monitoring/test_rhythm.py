"""An hour of a segment against the same hour of the weeks before."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, denied, made_row

from schoolgate.alerts.findings import Finding
from schoolgate.monitoring.detectors import rhythm
from schoolgate.monitoring.detectors.rhythm import GRACE_S, HOUR_S, SegmentRhythm
from schoolgate.policy.monitoring import Rhythm
from schoolgate.policy.school_calendar import SchoolCalendar, SchoolDays, calendar_of

LONDON = ZoneInfo("Europe/London")
WEEK_S = 7 * 24 * HOUR_S
SMALL = Rhythm(least_total=50, least_blocked=10)


def hour(
    detector: SegmentRhythm, week: int, total: int, blocked: int = 0, segment: str = "pupils", shift_s: int = 0
) -> None:
    at = week * WEEK_S + shift_s
    rows = [
        made_row(f"n{number}.example.org", at=at + number % HOUR_S, segment=segment)
        for number in range(total - blocked)
    ]
    rows += [denied("x.example.org", "gambling", at=at, segment=segment) for _ in range(blocked)]
    assert list(detector.feed(rows)) == []


def close(detector: SegmentRhythm, week: int, shift_s: int = 0, *, watched: bool = False) -> list[Finding]:
    if watched:
        for at_s in range(0, HOUR_S, 300):
            list(detector.look(NOW_S + week * WEEK_S + shift_s + at_s))
    return list(detector.look(NOW_S + week * WEEK_S + shift_s + HOUR_S + GRACE_S))


@pytest.fixture
def usual() -> SegmentRhythm:
    """Three weeks of 100 questions on Monday at nine, 20 of them blocked."""
    detector = SegmentRhythm(SMALL, LONDON)
    list(detector.feed([made_row("first.example.org", at=-HOUR_S)]))
    for week in range(3):
        hour(detector, week, 100, 20)
        assert close(detector, week) == []
    return detector


def test_a_quarter_of_the_usual_is_told(usual: SegmentRhythm) -> None:
    hour(usual, 3, 24, 5)
    (found,) = close(usual, 3)
    assert (found.severity, found.segment, found.client) == ("notice", "pupils", "")
    assert found.evidence["usual_total"] == 100


def test_just_a_quarter_is_still_usual(usual: SegmentRhythm) -> None:
    hour(usual, 3, 25, 5)
    assert close(usual, 3) == []


def test_less_blocked_at_the_usual_total_is_a_warning(usual: SegmentRhythm) -> None:
    hour(usual, 3, 100, 4)
    (found,) = close(usual, 3)
    assert found.severity == "warning"
    assert "blocked" in found.sentence


def test_two_weeks_are_no_rhythm() -> None:
    detector = SegmentRhythm(SMALL, LONDON)
    list(detector.feed([made_row("first.example.org", at=-HOUR_S)]))
    for week in range(2):
        hour(detector, week, 100)
        close(detector, week)
    hour(detector, 2, 1)
    assert close(detector, 2) == []


def test_an_hour_that_began_before_us_teaches_nothing() -> None:
    detector = SegmentRhythm(SMALL, LONDON)
    hour(detector, 0, 100)
    close(detector, 0)
    assert not [usual for _, usual in detector._usual.items() if usual.total]


def test_a_holiday_of_the_whole_school_is_told_once(usual: SegmentRhythm) -> None:
    for week in range(3, 6):
        hour(usual, week, 100, 20)
        hour(usual, week, 100, 20, segment="staff")
        close(usual, week)
    (found,) = close(usual, 6, watched=True)
    assert (found.severity, found.segment) == ("notice", "")
    assert found.evidence == {"pupils": 0, "staff": 0}


def test_lessons_follow_the_clock_on_the_wall_when_summer_time_begins() -> None:
    """29 March 2027, the first Monday of summer time: nine on the wall is eight in UTC."""
    detector = SegmentRhythm(SMALL, LONDON)
    list(detector.feed([made_row("first.example.org", at=14 * WEEK_S - HOUR_S)]))
    for week in range(14, 18):
        hour(detector, week, 100)
        assert close(detector, week) == []
    hour(detector, 18, 100, shift_s=-HOUR_S)
    assert close(detector, 18, shift_s=-HOUR_S) == []
    assert close(detector, 18) == [], "ten on the wall never had a lesson"


def test_history_survives_a_restart_and_is_bounded(usual: SegmentRhythm, monkeypatch: pytest.MonkeyPatch) -> None:
    again = SegmentRhythm(SMALL, LONDON)
    again.load(orjson.loads(orjson.dumps(usual.saved())))
    hour(again, 3, 10)
    assert len(close(again, 3)) == 1
    for week in range(4, 20):
        hour(again, week, 100)
        close(again, week)
    assert max(len(one.total) for _, one in again._usual.items()) == rhythm.WEEKS_KEPT


def test_an_hour_is_closed_once(usual: SegmentRhythm) -> None:
    hour(usual, 3, 10)
    assert len(close(usual, 3)) == 1
    assert close(usual, 3) == []
    hour(usual, 3, 10)
    assert close(usual, 3) == []


def week_of(detector: SegmentRhythm, first: int, hours: int, rows: int = 1, segment: str = "staff") -> list[Finding]:
    """Hours in which hardly anybody asks, each looked at when it is over."""
    told = []
    for number in range(hours):
        hour(detector, first, rows, segment=segment, shift_s=number * HOUR_S)
        told += close(detector, first, number * HOUR_S)
    return told


def test_a_drop_that_goes_on_is_told_once_a_day() -> None:
    detector = SegmentRhythm(SMALL, LONDON)
    list(detector.feed([made_row("first.example.org", at=-HOUR_S)]))
    for week in range(3):
        for segment in ("pupils", "library"):
            for number in range(48):
                hour(detector, week, 100, segment=segment, shift_s=number * HOUR_S)
        assert close(detector, week, 47 * HOUR_S) == []
    told = week_of(detector, 3, 48)
    assert [one.evidence for one in told] == [{"library": 0, "pupils": 0}] * len(told)
    days = [(one.at_us // 1_000_000 - HOUR_S - NOW_S - 3 * WEEK_S) // HOUR_S for one in told]
    assert days == [0, 15, 39], "nine o'clock, and each midnight after it"


def test_what_was_passed_over_is_neither_compared_nor_learnt(usual: SegmentRhythm) -> None:
    """The monitor was far behind: of this hour only the end was read, and of the one before only what matters."""
    hour(usual, 3, 5)
    usual.missed_before(NOW_S + 3 * WEEK_S + 3000)
    hour(usual, 3, 5, shift_s=0)
    assert close(usual, 3) == []
    assert usual._usual.of("0-9 pupils").total == [100, 100, 100]
    hour(usual, 4, 5)
    assert len(close(usual, 4)) == 1, "the next whole hour is compared again"


def test_hours_while_nothing_watched_and_nothing_was_written_are_none(usual: SegmentRhythm) -> None:
    """The server was down and so was the monitor: it is no silence of the school."""
    assert close(usual, 4) == []
    assert usual._usual.of("0-9 pupils").total == [100, 100, 100]


def holiday(week: int) -> SchoolCalendar:
    """The day of a week that is compared, as a holiday."""
    day = dt.datetime.fromtimestamp(NOW_S + week * WEEK_S, LONDON).date()
    return calendar_of([SchoolDays(day, day, "holiday", "Half term")])


def test_a_silent_segment_is_no_finding_in_a_holiday_and_teaches_nothing() -> None:
    calendar = SchoolCalendar()
    detector = SegmentRhythm(SMALL, LONDON, lambda: calendar)
    list(detector.feed([made_row("first.example.org", at=-HOUR_S)]))
    for week in range(3):
        hour(detector, week, 100, 20)
        assert close(detector, week) == []
    calendar = holiday(3)
    hour(detector, 3, 2)
    assert close(detector, 3) == []
    calendar = SchoolCalendar()
    hour(detector, 4, 2)
    (found,) = close(detector, 4)
    assert found.evidence["usual_total"] == 100


def test_fewer_blocked_at_the_usual_total_is_told_in_a_holiday_too(usual: SegmentRhythm) -> None:
    usual._calendar = lambda: holiday(3)
    hour(usual, 3, 100, 1)
    (found,) = close(usual, 3)
    assert found.severity == "warning"
