"""Periods: whole days of the school, each in exactly one, through the change of the clocks."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from schoolgate.reports.period import Kind, before, last_complete, period_of

LONDON = ZoneInfo("Europe/London")
DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31))


@given(st.sampled_from(Kind), DAYS)
def test_a_day_is_in_its_period_and_the_one_before_ends_where_it_begins(kind: Kind, day: dt.date) -> None:
    period = period_of(kind, day, LONDON)
    assert day in period.days()
    assert before(period, LONDON).until == period.since
    assert period == period_of(kind, period.last_day, LONDON)
    for moment in (period.since, period.until):
        assert (moment.hour, moment.minute) == (0, 0)


@given(st.sampled_from(Kind), DAYS, st.integers(0, 86_399))
def test_the_last_complete_one_is_over(kind: Kind, day: dt.date, second: int) -> None:
    now = dt.datetime.combine(day, dt.time.min, dt.UTC) + dt.timedelta(seconds=second)
    period = last_complete(kind, now, LONDON)
    assert period.until <= now
    assert period_of(kind, period.until.date(), LONDON).until > now


def test_a_week_with_a_change_of_clocks_has_seven_days() -> None:
    week = period_of(Kind.weekly, dt.date(2026, 10, 25), LONDON)
    assert len(week.days()) == 7
    assert week.until.astimezone(dt.UTC) - week.since.astimezone(dt.UTC) == dt.timedelta(days=7, hours=1)


def test_terms_are_those_of_the_settings() -> None:
    term = period_of(Kind.termly, dt.date(2026, 8, 3), LONDON, ((8, 1), (2, 1)))
    assert (term.since.date(), term.last_day) == (dt.date(2026, 8, 1), dt.date(2027, 1, 31))
    assert period_of(Kind.termly, dt.date(2026, 11, 3), LONDON).label == "2026-09-01-termly"
