"""Tells of the segments' check and of drift: a failure when it begins, and its end.

`schoolgate control` does the checks. This looks at what the last one wrote down, so neither a restart nor a second
look tells anything twice.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from schoolgate.alerts.findings import Finding
from schoolgate.checks.record import CheckRecord, moment_of
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.runner import Job

LOOK_EVERY_S = 60.0
FAILED, RECOVERED, DRIFT = "segment-check", "segment-recovered", "drift"
_DAY_S = 86_400


class CheckAlerts:
    """One look: every finding has the time at which its state began, so it is the same finding at each look."""

    def __init__(self, place: JobContext) -> None:
        self._place = place

    async def work(self, _now: dt.datetime) -> str | None:
        """Reports what there is; the store of alerts knows what it has."""
        record = CheckRecord(self._place.state_dir)
        segments = await asyncio.to_thread(record.last, "segments")
        drift = await asyncio.to_thread(record.last, "drift")
        found = [*segment_findings(segments or {}), *drift_findings(drift or {})]
        for finding in found:
            await self._place.report(finding)
        bad = sum(one.detector != RECOVERED for one in found)
        return f"{bad} checks fail" if bad else None


def segment_findings(result: Mapping[str, Any]) -> Iterator[Finding]:
    """What the last check of the segments means: one finding a network that fails, recovered or is left out."""
    for one in result.get("networks", ()):
        since = moment_of({"at": one.get("since")})
        if since is None:
            continue
        place = f"{one['segment']} ({one['network']})"
        match one["state"], one.get("was"):
            case "failed", _:
                said = f"The check from inside {place} fails: {one['reason']}."
                yield _finding(FAILED, "urgent", since, str(one["segment"]), said, str(one["network"]))
            case "not covered", "good" | "failed":
                said = f"{place} is no longer checked from inside: {one['reason']}."
                yield _finding(FAILED, "warning", since, str(one["segment"]), said, str(one["network"]))
            case "good", "failed" | "not covered":
                said = f"The check from inside {place} is well again: a device there gets what the policy says."
                yield _finding(RECOVERED, "warning", since, str(one["segment"]), said, str(one["network"]))


def drift_findings(result: Mapping[str, Any]) -> Iterator[Finding]:
    """A change of what was set up, made outside an operation; one finding for each set of parts."""
    changed = [str(one) for one in result.get("changed", ())]
    since = moment_of({"at": result.get("since")})
    if changed and since is not None:
        said = f"The setup was changed outside an operation: {', '.join(changed)}. Look at `schoolgate check drift`."
        yield _finding(DRIFT, "urgent", since, "", said, *changed)


def segment_alert_jobs(place: JobContext) -> list[Job]:
    """One job."""
    return [Job("check-alerts", LOOK_EVERY_S, CheckAlerts(place).work)]


def _finding(detector: str, severity: Any, since: dt.datetime, segment: str, said: str, *names: str) -> Finding:
    return Finding(detector, severity, segment, "", int(since.timestamp()) * 1_000_000, _DAY_S, said, names=names)
