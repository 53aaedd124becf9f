"""Which device had which address, kept as a job of the monitor: as long as the log has rows of it, and no longer."""

from __future__ import annotations

import asyncio
import datetime as dt

from schoolgate.identity.attribution import Attribution
from schoolgate.identity.span_following import Following
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job
from schoolgate.querylog import Query, QueryLog
from schoolgate.querylog.log import MOST_TOP

PERIOD_S = 1.0
FORGET_EVERY_S = 3600.0
ON_THEIR_WAY = dt.timedelta(hours=1)


class Attributing:
    """Begins with the first source, and goes on where a monitor before has left off."""

    def __init__(self, place: JobContext) -> None:
        self._place = place
        self._attribution: Attribution | None = None
        self._following: Following | None = None

    async def follow(self, now: dt.datetime) -> str | None:
        """Takes in the table of now."""
        if not (self._place.settings.identity.sources and self._place.settings.query_log.enabled):
            return None
        changed = await asyncio.to_thread(self._step, now)
        return f"{changed} changes of addresses" if changed else None

    async def forget(self, now: dt.datetime) -> str | None:
        """Removes what is older than the rows it tells about."""
        gone = await asyncio.to_thread(self._forget, now)
        return f"{gone} spans forgotten" if gone else None

    def _step(self, now: dt.datetime) -> int:
        if self._following is None:
            settings = self._place.settings
            self._attribution = Attribution.open(self._place.state_dir)
            self._following = Following(
                self._place.state_dir, self._attribution, has_pseudonyms=settings.query_log.pseudonyms
            )
        return self._following.step(_us(now))

    def _forget(self, now: dt.datetime) -> int:
        attribution = Attribution.existing(self._place.state_dir)
        if attribution is None:
            return 0
        retention = self._place.settings.retention
        with attribution, QueryLog(self._place.state_dir) as log:
            oldest = {class_: old for class_, _, old, _ in log.held()}
            if log.problems:
                # What cannot be read may hold rows that need it; only what no row can need goes.
                return attribution.forget_before(_us(now - dt.timedelta(days=retention.safeguarding_days + 1)))
            # Of a class without rows, the first may be on their way.
            none = now - ON_THEIR_WAY
            ordinary = max(now - dt.timedelta(days=retention.ordinary_days + 1), oldest.get("ordinary", none))
            serious = max(now - dt.timedelta(days=retention.safeguarding_days + 1), oldest.get("safeguarding", none))
            gone = attribution.forget_before(_us(min(ordinary, serious)))
            if serious >= ordinary:
                return gone
            rows = log.top("clients", Query(class_="safeguarding", until=ordinary), most=MOST_TOP)
            if len(rows) >= MOST_TOP:
                return gone
            return gone + attribution.forget_before(_us(ordinary), [one.value for one in rows])


def attribution_jobs(place: JobContext) -> list[Job]:
    """Two rhythms, one file."""
    attributing = Attributing(place)
    return [
        Job("devices", PERIOD_S, attributing.follow),
        Job("devices-forgotten", FORGET_EVERY_S, attributing.forget),
    ]


def _us(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
