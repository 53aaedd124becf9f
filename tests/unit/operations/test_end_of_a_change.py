"""When a quick change of the policy ends: times are the school's, whatever the clock of this machine says."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies.quick_policy import NotClear, end_of

LONDON = ZoneInfo("Europe/London")
SUMMER = dt.datetime(2026, 7, 1, 9, 0, 0, 500, tzinfo=dt.UTC)  # 10:00 in London


@pytest.mark.parametrize(
    ("until", "lasts", "end"),
    [
        ("14:30", None, "2026-07-01T14:30:00+01:00"),
        ("2026-12-01T09:00", None, "2026-12-01T09:00:00+00:00"),
        ("2026-07-01T14:30Z", None, "2026-07-01T15:30:00+01:00"),
        (None, "2h", "2026-07-01T12:00:00+01:00"),
    ],
)
def test_a_time_is_the_schools(until: str | None, lasts: str | None, end: str) -> None:
    found = end_of(until, lasts, SUMMER, LONDON)
    assert found is not None
    assert found.isoformat() == end


def test_without_either_it_has_no_end() -> None:
    assert end_of(None, None, SUMMER, LONDON) is None


@pytest.mark.parametrize(
    ("until", "lasts", "said"),
    [
        ("9:30", None, "has passed; for another day write --until 2026-07-02T09:30"),
        ("noon", None, "write --until 14:30"),
        ("25:00", None, "write --until 14:30"),
        (None, "two hours", "write 30m, 2h"),
        ("14:30", "2h", "not both"),
    ],
)
def test_what_is_no_end_is_refused(until: str | None, lasts: str | None, said: str) -> None:
    with pytest.raises(SchoolgateError, match=said):
        end_of(until, lasts, SUMMER, LONDON)


def test_a_moment_that_has_passed_is_refused_by_name() -> None:
    with pytest.raises(NotClear):
        end_of("2026-07-01T08:00", None, SUMMER, LONDON)
