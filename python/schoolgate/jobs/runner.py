"""Work that comes round: each in a task of its own, so that one that fails or hangs stops no other."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from schoolgate.errors import SchoolgateError
from schoolgate.telemetry import Logger

LONGEST_SAID = 300

_log = Logger("schoolgate.monitor")


@dataclass(frozen=True)
class Job:
    """`work` gets the time (UTC) and may return a line for `status`. `period_s` lies between the ends of two runs."""

    name: str
    period_s: float
    work: Callable[[dt.datetime], Awaitable[str | None]]
    timeout_s: float = 600.0


class Jobs:
    """Runs them and keeps what each said last."""

    def __init__(self, jobs: list[Job], clock: Callable[[], dt.datetime]) -> None:
        self._jobs = jobs
        self._clock = clock
        self.outcomes: dict[str, dict[str, Any]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                group.create_task(self._again_and_again(job))

    async def _again_and_again(self, job: Job) -> None:
        while True:
            await self.once(job)
            await asyncio.sleep(job.period_s)

    async def once(self, job: Job) -> None:
        """One run. Whatever it raises is its own affair."""
        now = self._clock()
        before = self.outcomes.get(job.name, {"failed": 0, "ok": True, "said": None})
        try:
            async with asyncio.timeout(job.timeout_s):
                said = await job.work(now)
            outcome = {"ok": True, "said": said[:LONGEST_SAID] if said else None, "failed": 0}
        except Exception as error:
            reason = f"no end after {job.timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
            said = reason or type(error).__name__
            outcome = {"ok": False, "said": said[:LONGEST_SAID], "failed": before["failed"] + 1}
            if before["ok"] or before["said"] != outcome["said"]:  # said once, not each time
                is_known = isinstance(error, (SchoolgateError, TimeoutError, OSError))
                _log.error("a job failed", job=job.name, reason=said, exc_info=None if is_known else error)
        self.outcomes[job.name] = {"last_at": now.isoformat(timespec="seconds"), **outcome}

    def problems(self) -> list[str]:
        return [
            f"monitoring: {name} failed {one['failed']} times: {one['said']}"
            for name, one in sorted(self.outcomes.items())
            if not one["ok"]
        ]
