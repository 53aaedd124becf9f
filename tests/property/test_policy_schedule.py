"""Schedules against an oracle that looks at the clock on the wall minute by minute."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schoolgate.policy import next_boundary, policy_at
from schoolgate.policy.model import DAYS, Segment

MINUTE = dt.timedelta(minutes=1)
LONDON = ZoneInfo("Europe/London")
# Half-hour change; change at midnight; a whole day skipped (2011-12-30 does not exist there).
ZONES = {name: ZoneInfo(name) for name in ("Australia/Lord_Howe", "America/Asuncion", "Pacific/Apia")}


def minutes(text: str) -> int:
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def oracle(segment: dict[str, Any], instant: dt.datetime, zone: ZoneInfo) -> str:
    """Numbers of minutes instead of times, days looked at one by one: written apart from the code it checks."""
    wall = instant.astimezone(zone)
    now = wall.hour * 60 + wall.minute
    for interval in segment["schedule"]:
        start, end = minutes(interval["from"]), minutes(interval["to"])
        length = end - start if end > start else end - start + 1440
        for back in (0, 1):
            day = wall.date() - dt.timedelta(days=back)
            dates = interval["dates"]
            if (
                interval["days"].count(DAYS[day.weekday()])
                and ("only" not in dates or day.isoformat() in dates["only"])
                and day.isoformat() not in dates["except"]
                and start <= now + 1440 * back < start + length
            ):
                return str(interval["policy"])
    return str(segment["policy"])


# Around both changes of the clocks in 2026, where the interesting times are.
FIRST_DAYS = (dt.date(2026, 3, 27), dt.date(2026, 10, 23), dt.date(2026, 12, 30))
TIMES = st.one_of(
    st.sampled_from(("00:00", "00:30", "01:00", "01:15", "01:30", "01:59", "02:00", "02:30", "23:30")),
    st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
)


def dates(first: dt.date) -> st.SearchStrategy[dict[str, list[str]]]:
    near = st.lists(st.integers(0, 4).map(lambda days: (first + dt.timedelta(days=days)).isoformat()), max_size=3)
    return st.one_of(
        st.builds(lambda off: {"except": off}, near),
        st.builds(lambda only, off: {"only": only, "except": off}, near.filter(bool), near),
    )


def segments(first: dt.date) -> st.SearchStrategy[dict[str, Any]]:
    interval = st.fixed_dictionaries(
        {
            "policy": st.sampled_from(("lunch", "night", "pupil")),
            "days": st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True),
            "from": TIMES,
            "to": TIMES,
            "dates": dates(first),
        }
    )
    return st.fixed_dictionaries({"policy": st.just("pupil"), "schedule": st.lists(interval, min_size=1, max_size=3)})


CASES = st.sampled_from(FIRST_DAYS).flatmap(lambda first: st.tuples(st.just(first), segments(first)))
LATE = {
    "policy": "pupil",
    "schedule": [{"policy": "x", "days": ["sun"], "from": "01:30", "to": "01:30", "dates": {"except": []}}],
}


def agree(first: dt.date, drawn: dict[str, Any], zone: ZoneInfo, days: int) -> None:
    segment = Segment.model_validate(drawn)
    start = dt.datetime.combine(first, dt.time(), tzinfo=dt.UTC)
    instants = [start + MINUTE * step for step in range(days * 1440)]
    expected = [oracle(drawn, instant, zone) for instant in instants]
    for instant, policy in zip(instants[::7], expected[::7], strict=True):
        assert policy_at(segment, instant, zone) == policy
    changes = [at for at in range(1, len(instants)) if expected[at] != expected[at - 1]]
    for at in {0, *changes, *(max(change - 1, 0) for change in changes)}:
        assert policy_at(segment, instants[at], zone) == expected[at]
        following = next((instants[change] for change in changes if change > at), None)
        found = next_boundary(segment, instants[at], zone)
        if following is None:
            assert found is None or found > instants[-1]
        else:
            assert found == following


@settings(max_examples=60, deadline=None)
@given(CASES)
@example((dt.date(2026, 3, 27), LATE))
@example((dt.date(2026, 10, 23), LATE))
def test_the_policy_in_force_and_its_end_agree_with_the_clock_on_the_wall(case: tuple[dt.date, dict[str, Any]]) -> None:
    agree(*case, LONDON, days=4)


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Australia/Lord_Howe", dt.date(2026, 4, 4)),
        ("Australia/Lord_Howe", dt.date(2026, 10, 3)),
        ("America/Asuncion", dt.date(2024, 3, 23)),
        ("America/Asuncion", dt.date(2023, 9, 30)),
        ("Pacific/Apia", dt.date(2011, 12, 28)),
    ],
)
def test_odd_zones_agree_too(zone: str, first: dt.date) -> None:
    intervals = [
        {"policy": "x", "days": list(DAYS), "from": "23:30", "to": "00:15", "dates": {"except": []}},
        {"policy": "y", "days": ["sun", "fri"], "from": "01:45", "to": "01:40", "dates": {"except": []}},
    ]
    agree(first, {"policy": "pupil", "schedule": intervals}, ZONES[zone], days=4)
