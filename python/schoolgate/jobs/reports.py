"""Reports that are made by themselves: when a day, a week or a term is over, at the time of day the school chose.

What is done is written down for each of them, so that neither a restart nor a second run makes a report twice; what a
person keeps on the shelf is another matter. A monitor that was off makes the last one only: no person reads a month of
daily reports.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from schoolgate.config.reports import Scheduled
from schoolgate.errors import SchoolgateError
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job
from schoolgate.reports.making import Form, Made, make
from schoolgate.reports.page import Reader
from schoolgate.reports.period import Kind, Period, last_complete
from schoolgate.reports.shelf import name_of, shelf_of
from schoolgate.storage.atomic_file import PRIVATE, write_whole

LOOK_EVERY_S = 60.0
# A term's report of a large school, several of them in a row.
TIMEOUT_S = 1800.0


class ReportsNotMade(SchoolgateError):
    """Several scheduled reports could not be made or kept."""


def report_jobs(place: JobContext) -> list[Job]:
    """One job for all reports: they are made one after the other."""
    return [Job("reports", LOOK_EVERY_S, ScheduledReports(place).work, TIMEOUT_S)]


class ScheduledReports:
    """Looks what is due, makes it, keeps it, sends it."""

    def __init__(self, place: JobContext) -> None:
        self._place = place

    async def work(self, now: dt.datetime) -> str | None:
        """One that fails stops no other; it is made again at the next look."""
        made, failures = [], []
        for one in self._place.settings.reports.scheduled:
            period = self.due(one, now)
            if period is None:
                continue
            try:
                await self._make(one, period, now)
            except Exception as error:
                failures.append(error)
                continue
            made.append(name_of(period, one.reader, one.segments))
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ReportsNotMade("; ".join(dict.fromkeys(map(str, failures)))) from failures[0]
        return f"made {', '.join(made)}" if made else None

    def due(self, one: Scheduled, now: dt.datetime) -> Period | None:
        """The period whose report is missing, once its hour has come."""
        reports, zone = self._place.settings.reports, ZoneInfo(self._place.document.time_zone)
        period = last_complete(Kind(one.kind), now, zone, reports.term_starts)
        is_time = now >= dt.datetime.combine(period.until.date(), reports.time, zone)
        if not is_time or self._done().get(_identity(one)) == period.label:
            return None
        return period

    async def _make(self, one: Scheduled, period: Period, now: dt.datetime) -> None:
        settings, zone = self._place.settings, self._place.document.time_zone
        made = await asyncio.to_thread(make, settings, zone, Reader(one.reader), period, one.segments, now)
        shelf = shelf_of(settings)
        # Sent first: the outbox knows a message it has by its key.
        if one.recipients:
            await self._send(one, period, made)
        path = shelf.path_of(period, one.reader, one.segments)
        await asyncio.to_thread(shelf.keep, path, made.written(Form.html))
        await asyncio.to_thread(self._note, one, period)

    @property
    def _path(self) -> Path:
        return self._place.settings.server.state_dir / "monitor" / "reports.json"

    def _done(self) -> dict[str, str]:
        """Which period each was last made of. What cannot be read is as good as none: the outbox drops a repeat."""
        try:
            found = orjson.loads(self._path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def _note(self, one: Scheduled, period: Period) -> None:
        wanted = {_identity(each) for each in self._place.settings.reports.scheduled}
        done = {identity: label for identity, label in self._done().items() if identity in wanted}
        done[_identity(one)] = period.label
        write_whole(self._path, orjson.dumps(done, option=orjson.OPT_INDENT_2), PRIVATE)

    async def _send(self, one: Scheduled, period: Period, made: Made) -> None:
        key = f"report-{name_of(period, one.reader, one.segments)}"
        await self._place.post(
            one.recipients, made.title, made.written(Form.text), key=key, html=made.written(Form.html)
        )


def _identity(one: Scheduled) -> str:
    """The same for the same report to the same people."""
    return " ".join((one.kind, one.reader, ",".join(sorted(one.segments)), ",".join(sorted(one.recipients))))
