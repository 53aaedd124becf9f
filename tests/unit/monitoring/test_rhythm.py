"""An hour of a segment against the same hour of the weeks before."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, denied, made_row

from schoolgate.monitoring.detectors import rhythm
from schoolgate.monitoring.detectors.rhythm import GRACE_S, HOUR_S, SegmentRhythm
from schoolgate.monitoring.findings import Finding
from schoolgate.policy.monitoring import Rhythm

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


def close(detector: SegmentRhythm, week: int, shift_s: int = 0) -> list[Finding]:
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
    (found,) = close(usual, 6)
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
