"""The query log's upkeep as a job of the monitor: columns, compaction, retention. Nothing unread is removed."""

from __future__ import annotations

import asyncio
import datetime as dt

from schoolgate.config.retention import Retention
from schoolgate.errors import SchoolgateError
from schoolgate.monitoring.jobs import Job
from schoolgate.monitoring.place import Place
from schoolgate.querylog.keeper import Keeper, KeeperBusy

PERIOD_S = 10.0
# The first round after a long stop, or the erasure of one client from a year of rows.
TIMEOUT_S = 3600.0


class LogNotKept(SchoolgateError):
    """Something of the log's upkeep could not be done."""


class Keeping:
    """One keeper, made anew when the retention settings change."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._keeper: Keeper | None = None
        self._retention: Retention | None = None

    async def work(self, now: dt.datetime) -> str | None:
        """One round. What it could not do is a failure, so that `status` shows it."""
        retention = self._place.settings.retention
        if self._keeper is None or retention != self._retention:
            self._keeper = Keeper(self._place.state_dir / "log", retention, self._place.is_read)
            self._retention = retention
        try:
            report = await asyncio.to_thread(self._keeper.tick, now)
        except KeeperBusy:
            return "another process maintains the log"
        if report.problems:
            raise LogNotKept("; ".join(report.problems))
        return f"{report.converted} files converted, {report.rows} rows" if report.converted else None


def keeping_jobs(place: Place) -> list[Job]:
    return [Job("keeper", PERIOD_S, Keeping(place).work, TIMEOUT_S)]
