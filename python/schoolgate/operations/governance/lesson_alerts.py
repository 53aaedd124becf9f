"""Which alerts belong to an announced lesson, and to which lessons an alert belongs.

One of software or of the filter itself belongs to no lesson: no class works on that.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertRefused
from schoolgate.governance.lesson_notice import ANNOUNCED, MARGIN_US, LessonNotice
from schoolgate.operations import rights
from schoolgate.operations.alert_access import alerts_of, seen_of, threats_of
from schoolgate.operations.governance.lessons import LessonShown, lesson_shown, lesson_zone, lessons_of_days
from schoolgate.operations.governance.record_entry import Number
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from schoolgate.governance.record_store import Record

# Of one lesson; a list of more is not read.
MOST_ALERTS: Final = 100
# In the time of one lesson, of every network: more is a flood, and its newest are enough.
MOST_LOOKED_AT: Final = 2_000
# Of one list of alerts.
MOST_ASKED: Final = 200
LOOKED_BACK: Final = dt.timedelta(days=7)


@dataclass(frozen=True)
class LessonAlert:
    """An alert that belongs to a lesson, without its device."""

    number: int
    severity: str
    state: str
    outcome: str | None
    sentence: str
    segment: str
    opened_at: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True)
class LessonWithAlerts:
    """A notice and the alerts that belong to it, newest first, as far as they are the caller's to see; None: the caller
    sees no alerts. `is_more`: there are more of them."""

    lesson: LessonShown
    alerts: tuple[LessonAlert, ...] | None
    is_more: bool = False


@dataclass(frozen=True)
class LessonsOfAlert:
    """The lessons that an alert belongs to, in the order in which they begin."""

    alert: int
    lessons: tuple[LessonShown, ...]


@looks("lesson.show")
async def show(work: Work, number: Number) -> LessonWithAlerts:
    """One notice, and which alerts belong to it. Raises `NoSuchRecord`."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, LessonNotice, number)
    lesson = lesson_shown(work, found)
    if not rights.may(work.actor.roles, "alerts.list"):
        return LessonWithAlerts(lesson, None)
    alerts = [] if lesson.is_withdrawn else await asyncio.to_thread(_alerts_of, work, found.fields)
    return LessonWithAlerts(lesson, tuple(map(_row, alerts[:MOST_ALERTS])), len(alerts) > MOST_ALERTS)


@looks("lesson.of_alerts")
async def of_alerts(
    work: Work, alerts: Annotated[tuple[Number, ...], Field(max_length=MOST_ASKED)]
) -> tuple[LessonsOfAlert, ...]:
    """The lessons that alerts of the last week belong to; an alert without one, or not the caller's, is left out."""
    found = await asyncio.to_thread(_seen, work, alerts)
    newer = [one for one in found if one.last_at > work.now - LOOKED_BACK]
    return tuple(one for one in await lessons_of(work, newer) if one.lessons)


async def lessons_of(work: Work, alerts: Sequence[Alert]) -> list[LessonsOfAlert]:
    """For each alert, in this order, the lessons that it belongs to."""
    threats = await asyncio.to_thread(threats_of, work)
    spans = {one.id: _span(one) for one in alerts if not one.is_technical(threats)}
    days = {day for first, last in spans.values() for day in _days(work, first, last)}
    notices = [one for one in await lessons_of_days(await work.store(), sorted(days)) if one.state == ANNOUNCED]
    notices.sort(key=lambda one: (one.fields.from_us, one.number))
    return [LessonsOfAlert(one.id, _belonging(work, notices, one, spans.get(one.id))) for one in alerts]


def _belonging(
    work: Work, notices: Sequence[Record[LessonNotice]], alert: Alert, span: tuple[int, int] | None
) -> tuple[LessonShown, ...]:
    if span is None:
        return ()
    return tuple(lesson_shown(work, one) for one in notices if one.fields.covers(alert.segment or None, *span))


def _alerts_of(work: Work, fields: LessonNotice) -> list[Alert]:
    """One more than are shown, where there are more."""
    threats, found = threats_of(work), list[Alert]()
    with alerts_of(work) as store:
        there = store.alerts_between(fields.from_us - MARGIN_US, fields.until_us + MARGIN_US, MOST_LOOKED_AT)
        for one in there:
            if one.is_technical(threats) or not fields.covers(one.segment or None, *_span(one)):
                continue
            seen = seen_of(work, one, threats)
            if seen is not None:
                found.append(seen)
            if len(found) > MOST_ALERTS:
                break
    return found


def _seen(work: Work, numbers: Iterable[int]) -> list[Alert]:
    threats, found = threats_of(work), list[Alert]()
    with alerts_of(work) as store:
        for number in numbers:
            with contextlib.suppress(AlertRefused):
                seen = seen_of(work, store.get(number), threats)
                found += [] if seen is None else [seen]
    return found


def _span(alert: Alert) -> tuple[int, int]:
    """When it began and was last found; of one that lasts, the last week."""
    first = max(alert.opened_at, alert.last_at - LOOKED_BACK)
    return int(first.timestamp() * 1e6), int(alert.last_at.timestamp() * 1e6)


def _days(work: Work, first_us: int, last_us: int) -> list[dt.date]:
    zone = lesson_zone(work)
    # A lesson that ends at midnight reaches into the next day.
    begin, end = (
        dt.datetime.fromtimestamp(one / 1e6, zone).date() for one in (first_us - MARGIN_US, last_us + MARGIN_US)
    )
    return [begin + dt.timedelta(days=one) for one in range((end - begin).days + 1)]


def _row(one: Alert) -> LessonAlert:
    return LessonAlert(
        one.id, one.severity, one.state, one.outcome, one.sentence, one.segment, one.opened_at, one.last_at
    )
