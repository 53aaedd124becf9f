"""Which policy a segment has at an instant, and when that changes next.

An interval is in force whenever the clock on the school's wall shows a time inside it. So on the day the clocks go
forward the missing hour is simply skipped, and in the hour that comes twice an interval counts both times. Intervals
belong to the day they start on: one over midnight that starts on Friday ends on Saturday, whatever Saturday's rule
is. One of terms or of holidays starts on days that the school's calendar has as such.

Nothing here reads a clock: the instant is always passed in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from schoolgate.policy.model import DAYS, Interval, Segment
from schoolgate.policy.school_calendar import NO_CALENDAR, SchoolCalendar

_DAY = dt.timedelta(days=1)
# Terms repeat by the year; with nothing in this long, the caller asks again long before.
HORIZON_DAYS = 400


def policy_at(segment: Segment, instant: dt.datetime, zone: ZoneInfo, calendar: SchoolCalendar = NO_CALENDAR) -> str:
    """The id of the policy in force: of exam mode, else of the first interval that matches, else the segment's own."""
    exam = segment.exam_mode(_aware(instant))
    if exam is not None:
        return exam.policy
    wall = _aware(instant).astimezone(zone).replace(tzinfo=None)
    for interval in segment.schedule:
        if _in_force(interval, wall, calendar):
            return interval.policy
    return segment.policy


def next_boundary(
    segment: Segment, instant: dt.datetime, zone: ZoneInfo, calendar: SchoolCalendar = NO_CALENDAR
) -> dt.datetime | None:
    """The first instant after `instant`, in UTC, at which `policy_at` changes; None if not within `HORIZON_DAYS`."""
    if not (segment.schedule or segment.exams):
        return None
    now = _aware(instant).astimezone(dt.UTC)
    in_force = policy_at(segment, now, zone, calendar)
    window = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(HORIZON_DAYS):
        for edge in sorted(_edges(segment, window, zone)):
            if edge > now and policy_at(segment, edge, zone, calendar) != in_force:
                return edge
        window += _DAY
    return None


def _aware(instant: dt.datetime) -> dt.datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    return instant


def _in_force(interval: Interval, wall: dt.datetime, calendar: SchoolCalendar) -> bool:
    time, day = wall.time(), wall.date()
    if interval.from_ < interval.to:
        return interval.from_ <= time < interval.to and _may_start(interval, day, calendar)
    if time >= interval.from_ and _may_start(interval, day, calendar):
        return True
    return time < interval.to and _may_start(interval, day - _DAY, calendar)


def _may_start(interval: Interval, day: dt.date, calendar: SchoolCalendar) -> bool:
    if DAYS[day.weekday()] not in interval.days:
        return False
    if interval.during is not None and calendar.is_holiday(day) != (interval.during == "holiday"):
        return False
    dates = interval.dates
    if dates.only is not None and not any(day in stretch for stretch in dates.only):
        return False
    return not any(day in stretch for stretch in dates.except_)


def _edges(segment: Segment, window: dt.datetime, zone: ZoneInfo) -> set[dt.datetime]:
    """Every instant of the UTC day `window` at which an answer of `policy_at` can change."""
    times = {time for interval in segment.schedule for time in (interval.from_, interval.to)}
    local_day = window.astimezone(zone).date()
    found = set(_jumps(window, zone))
    found |= {edge for one in segment.exams for edge in (one.from_, one.until)}
    # No zone is a whole day away from UTC, so these three days hold the window.
    for day in (local_day - _DAY, local_day, local_day + _DAY):
        for time in times:
            for fold in (0, 1):
                wall = dt.datetime.combine(day, time, tzinfo=zone).replace(fold=fold)
                found.add(wall.astimezone(dt.UTC))
    return {edge for edge in found if window <= edge < window + _DAY}


def _jumps(window: dt.datetime, zone: ZoneInfo) -> Iterator[dt.datetime]:
    """The instant in the window at which the wall clock jumps, if there is one."""
    early, late = window, window + _DAY
    before = early.astimezone(zone).utcoffset()
    if before == late.astimezone(zone).utcoffset():
        return
    while late - early > dt.timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    yield late
