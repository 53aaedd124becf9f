"""The query log's upkeep as a job of the monitor: columns, compaction, retention. Nothing unread is removed."""

from __future__ import annotations

import asyncio
import datetime as dt

from schoolgate.config.retention import Retention
from schoolgate.errors import SchoolgateError
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job
from schoolgate.querylog.keeper import Keeper, KeeperBusy
from schoolgate.querylog.maintenance import KeeperReport

PERIOD_S = 10.0
# The first round after a long stop, or the erasure of one client from a year of rows.
TIMEOUT_S = 3600.0
# A person's `log maintain` or `log erase` is done long before.
LONGEST_BUSY = dt.timedelta(hours=1)


class LogNotKept(SchoolgateError):
    """Something of the log's upkeep could not be done."""


class Keeping:
    """One keeper, made anew when the retention settings change."""

    def __init__(self, place: JobContext) -> None:
        self._place = place
        self._keeper: Keeper | None = None
        self._retention: Retention | None = None
        # A thread cannot be ended: after its time it goes on, and holds the log.
        self._round: asyncio.Future[KeeperReport] | None = None
        self._busy_since: dt.datetime | None = None

    async def work(self, now: dt.datetime) -> str | None:
        """One round. What it could not do is a failure, so that `status` shows it."""
        if self._round is not None and not self._round.done():
            raise LogNotKept("an earlier round has not ended; if this goes on, restart the monitor")
        retention = self._place.settings.retention
        if self._keeper is None or retention != self._retention:
            self._keeper = Keeper(self._place.state_dir / "log", retention, self._place.is_read)
            self._retention = retention
        try:
            self._round = asyncio.ensure_future(asyncio.to_thread(self._keeper.tick, now))
            report = await asyncio.shield(self._round)
        except KeeperBusy:
            return self._busy(now)
        self._busy_since = None
        if report.problems:
            raise LogNotKept("; ".join(report.problems))
        return f"{report.converted} files converted, {report.rows} rows" if report.converted else None

    def _busy(self, now: dt.datetime) -> str:
        self._busy_since = min(self._busy_since or now, now)
        if now - self._busy_since > LONGEST_BUSY:
            raise LogNotKept("another process has maintained the log for more than an hour; end it")
        return "another process maintains the log"

    async def ended(self) -> None:
        """When the round that was begun last is over."""
        if self._round is not None:
            await asyncio.wait([self._round])


def keeping_jobs(place: JobContext) -> list[Job]:
    return [Job("keeper", PERIOD_S, Keeping(place).work, TIMEOUT_S)]
