"""The daily digest, sent when its hour has come. A monitor that was off sends the last one only."""

from __future__ import annotations

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

from schoolgate.alerts.digest import digest_of, recipients_of, text_of
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job

LOOK_EVERY_S = 60.0
TIMEOUT_S = 600.0


class DailyDigest:
    """The outbox knows a digest that it has by its key: neither a restart nor a second look sends one twice."""

    def __init__(self, place: JobContext) -> None:
        self._place = place
        self._done: dt.date | None = None

    async def work(self, now: dt.datetime) -> str | None:
        """Makes and sends the digest of the last day that is over."""
        document = self._place.document
        wall = now.astimezone(ZoneInfo(document.time_zone))
        day = wall.date() - dt.timedelta(days=1 if wall.time() >= document.digest.at else 2)
        recipients = recipients_of(document)
        if day == self._done or not recipients:
            return None
        digest = await asyncio.to_thread(digest_of, self._place.settings, document, day)
        subject = f"[schoolgate] {digest.blocked_questions:,} questions blocked on {day:%-d %B %Y}"
        await self._place.post(recipients, subject, text_of(digest), key=f"digest-{day}")
        self._done = day
        return f"digest of {day}"


def digest_jobs(place: JobContext) -> list[Job]:
    return [Job("digest", LOOK_EVERY_S, DailyDigest(place).work, TIMEOUT_S)]
