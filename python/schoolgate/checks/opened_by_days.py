"""What another school calendar would open, of the policy in force: on the days that become a holiday, or are none any
more, for networks whose schedule depends on it.

Two policies that the same network would have at one time are compared by the engine, as it decides now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from schoolgate.checks.deciding import Judge
from schoolgate.checks.draft import lists_to_decide_by
from schoolgate.checks.newly_opened import Pair, opened
from schoolgate.checks.strictest import Against, Comparison
from schoolgate.config import Settings
from schoolgate.lists.services import read_services
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import Ground, compile_active_policy
from schoolgate.policy.model import Document, Segment
from schoolgate.policy.schedule import policy_at
from schoolgate.policy.school_calendar import SchoolCalendar

_DAY: Final = dt.timedelta(days=1)
# A calendar may reach further; a holiday that far away is looked at when its year comes.
MOST_DAYS: Final = 3 * 366


def opened_by_days(
    settings: Settings, ground: Ground, checked: CheckedPolicy, calendar: SchoolCalendar, now: dt.datetime
) -> tuple[str, ...]:
    """A sentence for each thing that `calendar` would open against the ground's. Raises `SchoolgateError`."""
    pairs = _pairs(checked.document, ground.calendar, calendar, now)
    if not pairs:
        return ()
    active = compile_active_policy(checked, ground, 1, now)
    judge = Judge(active.compiled.description, lists_to_decide_by(settings), None)
    document = orjson.loads(active.compiled.description)
    services = {one.id: one for one in read_services(settings.lists.dir / "services")}
    said: dict[str, None] = {}
    for was, will_be in sorted(pairs):
        compared = Comparison(active, judge, ground.catalogue, services, will_be, Against(document, judge))
        said |= dict.fromkeys(opened(compared, document, was))
    return tuple(said)


def _pairs(document: Document, before: SchoolCalendar, after: SchoolCalendar, now: dt.datetime) -> set[Pair]:
    """Policies, before and after, that a network would have at the same time."""
    zone = ZoneInfo(document.time_zone)
    moved = [one for one in document.segments.values() if any(each.during is not None for each in one.schedule)]
    found: set[Pair] = set()
    for day in _changed(before, after, now.astimezone(zone).date()) if moved else ():
        for segment in moved:
            for instant in _instants(segment, day, zone):
                was, will_be = (policy_at(segment, instant, zone, one) for one in (before, after))
                found |= {(was, will_be)} if was != will_be else set()
    return found


def _changed(before: SchoolCalendar, after: SchoolCalendar, today: dt.date) -> Iterator[dt.date]:
    last = max((one.last for calendar in (before, after) for one in calendar.stretches), default=today)
    # What began yesterday may last over midnight.
    day = today - _DAY
    while day <= min(last, today + MOST_DAYS * _DAY):
        if before.is_holiday(day) != after.is_holiday(day):
            yield day
        day += _DAY


def _instants(segment: Segment, day: dt.date, zone: ZoneInfo) -> Iterator[dt.datetime]:
    """Where an interval that starts on the day begins and ends, or exam mode ends within it."""
    times = {dt.time(0), *(edge for one in segment.schedule for edge in (one.from_, one.to))}
    for one in (day, day + _DAY):
        yield from (dt.datetime.combine(one, time, tzinfo=zone) for time in sorted(times))
    yield from (one.until for one in segment.exams if day <= one.until.astimezone(zone).date() <= day + _DAY)
