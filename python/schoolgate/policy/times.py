"""Times of day, dates and moments as a policy writes them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator

from schoolgate.config.problems import complaint, shown

MIDNIGHT = dt.time(0, 0)
# Before every policy: at this instant no exception has ended.
LONG_AGO = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_WALL_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_wall_time(value: object) -> dt.time:
    """`"12:30"`, or TOML's own 12:30:00. `"24:00"` is the midnight at the end of the day."""
    if isinstance(value, dt.time) and not (value.second or value.microsecond or value.tzinfo):
        return value
    found = _WALL_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        return dt.time(int(found[1]), int(found[2]))
    if value == "24:00":
        return MIDNIGHT
    raise complaint(f"{shown(value)} is not a time of day", 'write it as "09:05"')


@dataclass(frozen=True, order=True)
class DateRange:
    """From `first` to `last`, both included."""

    first: dt.date
    last: dt.date

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last


def parse_dates(value: object) -> DateRange:
    """A day (`2026-12-25`) or a stretch of days (`"2026-12-21..2027-01-03"`)."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return DateRange(value, value)
    first, dots, last = value.partition("..") if isinstance(value, str) else ("", "", "")
    try:
        start = dt.date.fromisoformat(first.strip())
        end = dt.date.fromisoformat(last.strip()) if dots else start
    except ValueError:
        remedy = 'write "2026-12-25" or "2026-12-21..2027-01-03"'
        raise complaint(f"{shown(value)} is not a date", remedy) from None
    if end < start:
        raise complaint(f"{shown(value)} ends before it starts", f'write "{end}..{start}"')
    return DateRange(start, end)


def parse_moment(value: object) -> dt.datetime:
    """A moment with its offset from UTC; returned in UTC, in whole seconds, which is what a TTL can express."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, dt.datetime):
        raise complaint("is not a moment", "write day, time and offset: 2026-12-01T16:00:00Z")
    if value.tzinfo is None:
        # Without an offset the hour that a clock shows twice in autumn would be two moments.
        raise complaint(f"{value.isoformat()} has no offset", f"write {value.isoformat()}Z for UTC, or an offset")
    return value.astimezone(dt.UTC).replace(microsecond=0)


WallTime = Annotated[dt.time, PlainValidator(parse_wall_time)]
DateRangeField = Annotated[DateRange, PlainValidator(parse_dates)]
Moment = Annotated[dt.datetime, PlainValidator(parse_moment)]
