"""The daily checks, as jobs of the monitor: SafeSearch hosts still resolve, and what must be open is open.

Each keeps its result for `status`, reports and metrics, and reports a finding when something is wrong: once a day, not
at every look. A check that failed is done again within the hour, so that a line that
was down is no alarm for a day.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence

from schoolgate.alerts.findings import Finding
from schoolgate.checks import run
from schoolgate.checks.reachability import Reachability
from schoolgate.checks.record import Check, CheckRecord, moment_of
from schoolgate.checks.safesearch import SafeSearchCheck
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job

LOOK_EVERY_S = 600.0
DAILY = dt.timedelta(hours=23)
AGAIN = dt.timedelta(hours=1)
# Asking every name may take `resolving.LONGEST_S`, and its forwarders half as long again.
TIMEOUT_S = 900.0
# In one finding: what a person reads in a message.
MOST_SENTENCES = 3


def check_jobs(place: JobContext) -> list[Job]:
    """Both checks."""
    checks = DailyChecks(place)
    return [
        Job("safesearch", LOOK_EVERY_S, checks.safesearch, TIMEOUT_S),
        Job("reachability", LOOK_EVERY_S, checks.reachability, TIMEOUT_S),
    ]


class DailyChecks:
    """Looks whether a check is due, and does it."""

    def __init__(self, place: JobContext) -> None:
        self._place = place

    async def safesearch(self, now: dt.datetime) -> str | None:
        record = CheckRecord(self._place.state_dir)
        last = await asyncio.to_thread(record.last, "safesearch")
        if not is_due(last, now, is_well=last is not None and not last.get("sentences")):
            return None
        found = await asyncio.to_thread(run.safesearch, self._place.settings, now)
        await asyncio.to_thread(record.keep, "safesearch", found.whole())
        await self._report_safesearch(found)
        return f"{len(found.targets)} hosts asked, {len(found.failed)} do not resolve"

    async def reachability(self, now: dt.datetime) -> str | None:
        record = CheckRecord(self._place.state_dir)
        last = await asyncio.to_thread(record.newest, "reachability")
        if not is_due(last, now, is_well=last is not None and not last.get("over_blocked")):
            return None
        found = await asyncio.to_thread(self._reachability, now)
        await asyncio.to_thread(record.keep, "reachability", found.whole(), found.summary())
        await self._report_reachability(found)
        return f"{len(found.over_blocked)} of {found.decisions} decisions over-blocked"

    def _reachability(self, now: dt.datetime) -> Reachability:
        settings = self._place.settings
        # Not of our own service: its query log is the school's, and this would be most of a quiet day.
        return run.reachability(self._place.config, settings, run.a_forwarder(settings), now)

    async def _report_safesearch(self, found: SafeSearchCheck) -> None:
        if sentences := found.sentences():
            evidence = {"checked": len(found.targets), "failed": len(found.failed)}
            names = tuple(one.target for one in found.failed)
            await self._place.report(_finding("safesearch", found.at, sentences, evidence, names))

    async def _report_reachability(self, found: Reachability) -> None:
        if found.over_blocked:
            sentences = [f"{one.defang()}, although it must be open." for one in found.over_blocked]
            evidence = {"decisions": found.decisions, "over_blocked": len(found.over_blocked)}
            names = tuple(dict.fromkeys(one.name for one in found.over_blocked))
            await self._place.report(_finding("reachability", found.at, sentences, evidence, names))


def is_due(last: dict[str, object] | None, now: dt.datetime, *, is_well: bool) -> bool:
    """Once a day; within the hour when something was wrong; at once when the clock was set back."""
    at = None if last is None else moment_of(last)
    return at is None or at > now or now - at >= (DAILY if is_well else AGAIN)


def _finding(
    check: Check,
    at: dt.datetime,
    sentences: Sequence[str],
    evidence: Mapping[str, int | float | str],
    names: tuple[str, ...],
) -> Finding:
    """The same on the same day is the same finding, so that it is not reported every hour."""
    more = len(sentences) - MOST_SENTENCES
    text = " ".join(sentences[:MOST_SENTENCES]) + (f" And {more} more." if more > 0 else "")
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return Finding(
        check, "warning", "", "", int(day.timestamp()) * 1_000_000, 86_400, text, evidence=evidence, names=names
    )
