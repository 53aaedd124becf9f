"""Terms, holidays, days without pupils and days of exams: what kind of day the school has.

Without a calendar, and on days that it does not speak of, every day is one of a term. Nothing here reads a clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

Kind = Literal["term", "holiday", "inset", "exam"]
KINDS: Final[tuple[Kind, ...]] = ("term", "holiday", "inset", "exam")
SATURDAY: Final = 5
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, order=True)
class SchoolDays:
    """A stretch of days, `first` and `last` included."""

    first: dt.date
    last: dt.date
    kind: Kind
    title: str

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class SchoolCalendar:
    """Everything that is known of the school's days; empty where there is no calendar."""

    stretches: tuple[SchoolDays, ...] = ()

    @cached_property
    def terms(self) -> tuple[SchoolDays, ...]:
        """In their order."""
        return tuple(sorted(one for one in self.stretches if one.kind == "term"))

    def on(self, day: dt.date, kind: Kind) -> SchoolDays | None:
        """The first stretch of a kind that holds a day."""
        return next((one for one in self.stretches if one.kind == kind and day in one), None)

    def is_holiday(self, day: dt.date) -> bool:
        """A day of a holiday, or between two terms. A weekend of a term is none."""
        if self.on(day, "holiday") is not None:
            return True
        terms = self.terms
        is_within = bool(terms) and terms[0].first <= day <= max(one.last for one in terms)
        # The weekend that a term begins after, or ends before, is no holiday by itself.
        return is_within and not any(day in one for one in terms) and not _is_only_weekend(day, terms)

    def is_closed(self, day: dt.date) -> bool:
        """No pupils are at school: a holiday, an inset day, a weekend. Never so without a calendar."""
        if not self.stretches:
            return False
        return day.weekday() >= SATURDAY or self.on(day, "inset") is not None or self.is_holiday(day)

    def is_usual(self, day: dt.date) -> bool:
        """A day that is like the same weekday of other weeks: no holiday and no inset day."""
        return not self.is_holiday(day) and self.on(day, "inset") is None

    def is_closed_week(self, monday: dt.date) -> bool:
        """Whether no day from Monday to Friday has pupils, and one is of a holiday."""
        days = [monday + at * _DAY for at in range(5)]
        return all(map(self.is_closed, days)) and any(map(self.is_holiday, days))

    def words_of(self, day: dt.date) -> str:
        """What kind of day it is, in words; nothing where the calendar says nothing."""
        for kind in ("holiday", "inset", "exam", "term"):
            found = self.on(day, kind)
            if found is not None:
                return found.title or kind
        return "holiday" if self.is_holiday(day) else ""


NO_CALENDAR: Final = SchoolCalendar()


def calendar_of(stretches: Iterable[SchoolDays]) -> SchoolCalendar:
    """In one order, whatever the order in which they were written."""
    return SchoolCalendar(tuple(sorted(stretches)))


def _is_only_weekend(day: dt.date, terms: tuple[SchoolDays, ...]) -> bool:
    """Whether the days without a term around this one are a weekend alone."""
    first = max(one.last for one in terms if one.last < day) + _DAY
    last = min(one.first for one in terms if one.first > day) - _DAY
    return (last - first).days < 2 and first.weekday() >= SATURDAY and last.weekday() >= SATURDAY
