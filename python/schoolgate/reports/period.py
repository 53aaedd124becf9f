"""The time a report speaks of: a day, a week from Monday, a term; in the school's own time zone, never half of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo


class Kind(StrEnum):
    """How long."""

    daily = "daily"
    weekly = "weekly"
    termly = "termly"

    @property
    def noun(self) -> str:
        return {"daily": "day", "weekly": "week", "termly": "term"}[self]


@dataclass(frozen=True)
class Period:
    """From `since` to just before `until`, both midnights of the school (aware)."""

    kind: Kind
    since: dt.datetime
    until: dt.datetime

    @property
    def label(self) -> str:
        """For file names and keys."""
        return f"{self.since:%Y-%m-%d}-{self.kind}"

    @property
    def last_day(self) -> dt.date:
        return (self.until - dt.timedelta(seconds=1)).date()

    def __str__(self) -> str:
        if self.kind is Kind.daily:
            return f"{self.since:%A %-d %B %Y}"
        return f"{self.since:%-d %B %Y} to {self.last_day:%-d %B %Y}"

    def days(self) -> tuple[dt.date, ...]:
        count = (self.last_day - self.since.date()).days + 1
        return tuple(self.since.date() + dt.timedelta(days=number) for number in range(count))


# Month and day on which a term of schools in England begins, about: holidays count to the term before.
TERM_STARTS = ((1, 1), (4, 15), (9, 1))


def period_of(kind: Kind, day: dt.date, zone: ZoneInfo, terms: Sequence[tuple[int, int]] = TERM_STARTS) -> Period:
    """The period that holds `day`."""
    first, after = _days(kind, day, terms)
    return Period(kind, _midnight(first, zone), _midnight(after, zone))


def last_complete(
    kind: Kind, now: dt.datetime, zone: ZoneInfo, terms: Sequence[tuple[int, int]] = TERM_STARTS
) -> Period:
    """The latest period that is over."""
    current = period_of(kind, now.astimezone(zone).date(), zone, terms)
    return period_of(kind, current.since.date() - dt.timedelta(days=1), zone, terms)


def before(period: Period, zone: ZoneInfo, terms: Sequence[tuple[int, int]] = TERM_STARTS) -> Period:
    """The one it is compared with."""
    return period_of(period.kind, period.since.date() - dt.timedelta(days=1), zone, terms)


def _days(kind: Kind, day: dt.date, terms: Sequence[tuple[int, int]]) -> tuple[dt.date, dt.date]:
    if kind is Kind.daily:
        return day, day + dt.timedelta(days=1)
    if kind is Kind.weekly:
        monday = day - dt.timedelta(days=day.weekday())
        return monday, monday + dt.timedelta(days=7)
    starts = sorted(dt.date(year, month, at) for year in (day.year - 1, day.year, day.year + 1) for month, at in terms)
    return max(one for one in starts if one <= day), min(one for one in starts if one > day)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, zone)
