"""Reports that are made by themselves: when a day, a week or a term is over, at the time of day the school chose.

What is done is what stands on the shelf, so that neither a restart nor a second run makes a report twice. A monitor
that was off makes the last one only: nobody reads a month of daily reports.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

from schoolgate.config.reports import Scheduled
from schoolgate.monitoring.jobs import Job
from schoolgate.monitoring.place import Place
from schoolgate.reports.making import Form, Made, make
from schoolgate.reports.page import Reader
from schoolgate.reports.period import Kind, Period, last_complete
from schoolgate.reports.shelf import name_of, shelf_of

LOOK_EVERY_S = 60.0
# A term's report of a large school, several of them in a row.
TIMEOUT_S = 1800.0


def report_jobs(place: Place) -> list[Job]:
    """One job for all reports: they are made one after the other."""
    return [Job("reports", LOOK_EVERY_S, ScheduledReports(place).work, TIMEOUT_S)]


class ScheduledReports:
    """Looks what is due, makes it, keeps it, sends it."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def work(self, now: dt.datetime) -> str | None:
        made = []
        for one in self._place.settings.reports.scheduled:
            period = self.due(one, now)
            if period is not None:
                await self._make(one, period, now)
                made.append(name_of(period, one.reader, one.segments))
        return f"made {', '.join(made)}" if made else None

    def due(self, one: Scheduled, now: dt.datetime) -> Period | None:
        """The period whose report is missing, once its hour has come."""
        reports, zone = self._place.settings.reports, ZoneInfo(self._place.document.time_zone)
        period = last_complete(Kind(one.kind), now, zone, reports.term_starts)
        is_time = now >= dt.datetime.combine(period.until.date(), reports.time, zone)
        if not is_time or shelf_of(self._place.settings).path_of(period, one.reader, one.segments).exists():
            return None
        return period

    async def _make(self, one: Scheduled, period: Period, now: dt.datetime) -> None:
        settings, zone = self._place.settings, self._place.document.time_zone
        made = await asyncio.to_thread(make, settings, zone, Reader(one.reader), period, one.segments, now)
        shelf = shelf_of(settings)
        # Sent first: kept is what counts as done, and the outbox knows a message it has by its key.
        if one.recipients:
            await self._send(one, period, made)
        path = shelf.path_of(period, one.reader, one.segments)
        await asyncio.to_thread(shelf.keep, path, made.written(Form.html))

    async def _send(self, one: Scheduled, period: Period, made: Made) -> None:
        key = f"report-{name_of(period, one.reader, one.segments)}"
        await self._place.post(
            one.recipients, made.title, made.written(Form.text), key=key, html=made.written(Form.html)
        )
