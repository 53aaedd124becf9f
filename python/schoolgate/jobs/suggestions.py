"""Once a day the monitor looks for names worth a review. It only fills the queue and sends no message."""

from __future__ import annotations

import asyncio
import datetime as dt

from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job
from schoolgate.suggestions.looking import look

DAY_S = 86_400.0
_DAY = dt.timedelta(days=1)


def suggestion_jobs(place: JobContext) -> list[Job]:
    """One job."""

    async def work(now: dt.datetime) -> str | None:
        found, new = await asyncio.to_thread(look, place.settings, now - _DAY, now)
        return f"{new} new suggestions" if found else None

    return [Job("suggestions", DAY_S, work)]
