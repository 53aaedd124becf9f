"""Which policy is in force when: by the clock on the wall, through midnight and both changes of the clocks."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from schoolgate.policy import next_boundary, policy_at
from schoolgate.policy.model import Segment
from schoolgate.policy.school_calendar import SchoolCalendar, SchoolDays, calendar_of

LONDON = ZoneInfo("Europe/London")


def segment(*intervals: dict[str, object]) -> Segment:
    return Segment.model_validate({"policy": "pupil", "schedule": intervals})


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text + "+00:00")


def at(one: Segment, text: str) -> str:
    return policy_at(one, utc(text), LONDON)


def boundary(one: Segment, text: str) -> str | None:
    found = next_boundary(one, utc(text), LONDON)
    return None if found is None else found.strftime("%Y-%m-%dT%H:%M:%S")


LUNCH = {"policy": "lunch", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "12:00", "to": "13:00"}


def test_an_interval_holds_from_its_first_minute_up_to_its_last() -> None:
    one = segment(LUNCH)  # 2026-11-23 is a Monday
    assert [at(one, f"2026-11-23T{time}") for time in ("11:59:59", "12:00:00", "12:59:59", "13:00:00")] == [
        *("pupil", "lunch", "lunch", "pupil")
    ]
    assert at(one, "2026-11-22T12:30") == "pupil", "a Sunday"
    assert boundary(one, "2026-11-23T11:00") == "2026-11-23T12:00:00"
    assert boundary(one, "2026-11-23T12:00") == "2026-11-23T13:00:00"
    assert boundary(one, "2026-11-20T13:00") == "2026-11-23T12:00:00", "over the weekend"


def test_in_summer_the_wall_is_an_hour_ahead_of_utc() -> None:
    assert at(segment(LUNCH), "2026-06-01T11:30") == "lunch"
    assert boundary(segment(LUNCH), "2026-06-01T11:30") == "2026-06-01T12:00:00"


def test_over_midnight_belongs_to_the_day_it_starts_on() -> None:
    night = segment({"policy": "night", "days": ["fri"], "from": "21:00", "to": "06:00"})
    assert at(night, "2026-11-27T20:59") == "pupil"
    assert at(night, "2026-11-27T21:00") == "night"
    assert at(night, "2026-11-28T05:59") == "night"
    assert at(night, "2026-11-28T06:00") == "pupil"
    assert at(night, "2026-11-28T21:30") == "pupil"
    assert at(night, "2026-11-27T03:00") == "pupil", "the night from Thursday"
    assert boundary(night, "2026-11-27T22:00") == "2026-11-28T06:00:00"


def test_from_the_same_time_to_the_same_time_is_a_whole_day() -> None:
    day = segment({"policy": "day", "days": ["mon"]})
    assert at(day, "2026-11-23T00:00") == "day"
    assert at(day, "2026-11-23T23:59") == "day"
    assert at(day, "2026-11-24T00:00") == "pupil"
    shifted = segment({"policy": "day", "days": ["mon"], "from": "08:00", "to": "08:00"})
    assert at(shifted, "2026-11-24T07:59") == "day"
    assert at(shifted, "2026-11-24T08:00") == "pupil"


def test_the_first_interval_that_fits_wins() -> None:
    one = segment({**LUNCH, "policy": "exam", "dates": {"only": ["2026-11-23"]}}, LUNCH)
    assert at(one, "2026-11-23T12:30") == "exam"
    assert at(one, "2026-11-24T12:30") == "lunch"


def test_dates_choose_the_days_on_which_an_interval_starts() -> None:
    term = {**LUNCH, "dates": {"only": ["2026-11-01..2026-12-18"], "except": ["2026-11-24", dt.date(2026, 11, 25)]}}
    one = segment(term)
    assert [at(one, f"2026-11-{day}T12:30") for day in (23, 24, 25, 26)] == ["lunch", "pupil", "pupil", "lunch"]
    assert at(one, "2026-12-21T12:30") == "pupil"
    assert boundary(one, "2026-11-23T14:00") == "2026-11-26T12:00:00"
    assert boundary(one, "2026-12-18T14:00") is None
    night = segment({"policy": "night", "from": "21:00", "to": "06:00", "dates": {"except": ["2026-12-25"]}})
    assert at(night, "2026-12-25T03:00") == "night", "started on the 24th"
    assert at(night, "2026-12-26T03:00") == "pupil"


def test_a_term_that_starts_next_year_is_found() -> None:
    one = segment({**LUNCH, "dates": {"only": ["2027-09-06"]}})
    assert boundary(one, "2026-11-23T14:00") == "2027-09-06T11:00:00"


def test_in_the_missing_hour_an_interval_starts_when_the_clock_jumps_into_it() -> None:
    # 2026-03-29: 00:59:59 GMT is followed by 02:00:00 BST.
    inside = segment({"policy": "x", "from": "01:30", "to": "03:00"})
    assert boundary(inside, "2026-03-29T00:00") == "2026-03-29T01:00:00"
    assert at(inside, "2026-03-29T01:00") == "x"
    assert boundary(inside, "2026-03-29T01:00") == "2026-03-29T02:00:00"
    swallowed = segment({"policy": "x", "from": "01:10", "to": "01:50", "days": ["sun"]})
    assert boundary(swallowed, "2026-03-29T00:00") == "2026-04-05T00:10:00", "the hour it names is missing"


def test_in_the_doubled_hour_an_interval_holds_both_times() -> None:
    # 2026-10-25: 01:59:59 BST (00:59:59 UTC) is followed by 01:00:00 GMT (01:00:00 UTC).
    one = segment({"policy": "x", "from": "00:30", "to": "01:30"})
    assert [at(one, f"2026-10-25T{time}") for time in ("00:15", "00:45", "01:15", "01:45")] == [
        "x",
        "pupil",
        "x",
        "pupil",
    ]
    assert boundary(one, "2026-10-25T00:15") == "2026-10-25T00:30:00"
    assert boundary(one, "2026-10-25T00:30") == "2026-10-25T01:00:00"
    assert boundary(one, "2026-10-25T01:00") == "2026-10-25T01:30:00"
    over = segment({"policy": "x", "from": "00:30", "to": "03:00"})
    assert boundary(over, "2026-10-25T00:00") == "2026-10-25T03:00:00"


def test_no_schedule_has_no_boundary_and_neighbours_of_one_policy_have_none_between() -> None:
    assert boundary(segment(), "2026-11-23T12:00") is None
    one = segment(LUNCH, {**LUNCH, "from": "13:00", "to": "14:00"})
    assert boundary(one, "2026-11-23T12:10") == "2026-11-23T14:00:00"


def test_an_instant_without_an_offset_is_a_defect() -> None:
    with pytest.raises(ValueError, match="offset"):
        policy_at(segment(LUNCH), dt.datetime(2026, 1, 1), LONDON)  # noqa: DTZ001


@pytest.mark.parametrize("value", ["9:00", "24:01", "12:60", "noon", 12, dt.time(12, 0, 1), ""])
def test_what_is_no_time_of_day_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="time of day"):
        segment({"policy": "x", "from": value})


def test_toml_times_and_the_midnight_at_the_end_of_the_day_are_read() -> None:
    one = segment({"policy": "x", "from": dt.time(18, 0), "to": "24:00", "days": ["mon"]})
    assert at(one, "2026-11-23T23:59") == "x"
    assert at(one, "2026-11-24T00:00") == "pupil"


@pytest.mark.parametrize(
    "value",
    ["2026-02-30", "2026-12-31..2026-12-01", "2026-12-01..", "xmas", 2026, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)],
)
def test_what_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"date|ends before"):
        segment({"policy": "x", "dates": {"only": [value]}})


AUTUMN = calendar_of(
    [
        SchoolDays(dt.date(2026, 10, 26), dt.date(2026, 10, 30), "holiday", "Half term"),
        SchoolDays(dt.date(2026, 9, 1), dt.date(2026, 12, 18), "term", "Autumn"),
    ]
)


def by_days(**during: str) -> Segment:
    schedule = [{"policy": policy, "from": "08:00", "to": "16:00", "during": when} for policy, when in during.items()]
    return Segment.model_validate({"policy": "usual", "schedule": schedule})


@pytest.mark.parametrize(
    ("day", "calendar", "expected"),
    [
        (dt.date(2026, 10, 23), AUTUMN, "lessons"),
        (dt.date(2026, 10, 28), AUTUMN, "boarders"),
        (dt.date(2026, 12, 20), AUTUMN, "lessons"),  # beyond what is known
        (dt.date(2026, 10, 28), SchoolCalendar(), "lessons"),
    ],
)
def test_a_schedule_counts_in_term_or_in_holidays(day: dt.date, calendar: SchoolCalendar, expected: str) -> None:
    segment = by_days(boarders="holiday", lessons="term")
    noon, evening = (dt.datetime.combine(day, dt.time(hour), LONDON) for hour in (12, 20))
    assert policy_at(segment, noon, LONDON, calendar) == expected
    assert policy_at(segment, evening, LONDON, calendar) == "usual"


def test_the_next_boundary_is_the_first_day_of_the_holiday() -> None:
    segment = by_days(boarders="holiday")
    now = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
    assert next_boundary(segment, now, LONDON, AUTUMN) == dt.datetime(2026, 10, 26, 8, tzinfo=dt.UTC)
    assert next_boundary(segment, now, LONDON) is None
