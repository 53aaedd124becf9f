"""Reads what evidence and reviews are measured from, each by the query that it names.

A source that fails says why and stops no other. Nothing here names a device, a pupil or a site that a device asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.checks.record import CheckRecord
from schoolgate.config.forwarder_address import is_encrypted
from schoolgate.control.client import call
from schoolgate.errors import SchoolgateError
from schoolgate.evidence.sources import Source, SourceBroken, Sources
from schoolgate.operations import alerts, checks, status
from schoolgate.operations.log import log_care, log_counts
from schoolgate.operations.policies import exceptions, policies, policy_views, segments
from schoolgate.operations.work import Work
from schoolgate.policy import load_catalogue

# What a review and a pack look back on.
YEAR_DAYS: Final = 365
MONTH: Final = dt.timedelta(days=30)
_OPEN = ("new", "acknowledged")
_MOST_ALERTS = 100_000
# Names of services that a review lists.
_MOST_AI = 50


@dataclass(frozen=True)
class Reader:
    """`query`: the operation and its arguments. `read` blocks."""

    query: str
    read: Callable[[Work], Any]


def _status(work: Work) -> Any:
    found = status.as_it_runs(work)
    if not found.is_serving:
        raise SourceBroken("the filter is not running, so what it does is not known")
    titles = {one.id: one.name for one in load_catalogue(work.settings.lists.dir).categories.values()}
    return {**as_json(found), "titles": titles}


def _sealed_counts(work: Work) -> Any:
    found = call(work.settings.server.control_socket, "status")["sealed"]
    suppliers = found["suppliers"] if found is not None else ()
    names = ("supplier", "enforced", "digests", "url_level", "age_s", "state")
    return [{name: one[name] for name in names} for one in suppliers]


def _forwarders(work: Work) -> Any:
    configured = work.settings.forwarders
    servers = [
        {"server": str(one), "is_encrypted": not isinstance(one, str) and is_encrypted(one)}
        for one in configured.servers
    ]
    return {"servers": servers, "validates": configured.dnssec == "sidecar"}


def _checks(work: Work) -> Any:
    record = CheckRecord(work.settings.server.state_dir)
    found = checks.last_checks(work)
    for name, result in (("reachability", found.reachability), ("safesearch", found.safesearch)):
        # A record that is there and cannot be read is no "never checked".
        if result is None and (record.folder / f"{name}.json").exists():
            raise SourceBroken(f"the record of the check {name} is damaged; run the check again")
    return found


def _log(work: Work) -> Any:
    found = log_care.status(work)
    if found.problems:
        raise SourceBroken("; ".join(found.problems))
    return found


def _blocked(work: Work) -> Any:
    """Questions and blocks of 30 days, and blocks by category."""
    since = work.now - MONTH
    sums: dict[str, dict[str, int]] = {}
    for by in ("verdict", "category", "segment"):
        found = log_counts.hours(work, since=since, until=work.now, by=by, is_by_day=True)
        if found.problems:
            raise SourceBroken("; ".join(found.problems))
        rows: dict[str, int] = {}
        for one in found.counts:
            rows[one.key] = rows.get(one.key, 0) + one.rows
        sums[by] = rows
    return sums


def _silent_devices(work: Work) -> Any:
    with alerts_of_evidence(work) as store:
        found = store.alerts(_OPEN, _MOST_ALERTS)
        return {"open": len({one.client for one in found if one.detector == "silence" and one.client})}


def _alerts_open(work: Work) -> Any:
    """How many are open, how long the oldest waits, and how long it took to look (medians need no names)."""
    with alerts_of_evidence(work) as store:
        found = store.alerts(_OPEN, _MOST_ALERTS)
        oldest = min((one.opened_at for one in found if one.state == "new"), default=None)
        waits = None if oldest is None else int((work.now - oldest).total_seconds())
        return {"open": len(found), "new": sum(one.state == "new" for one in found), "oldest_new_s": waits}


def _ai_seen(work: Work) -> Any:
    """What the detector said of AI tools that were used for the first time; it names no device."""
    with alerts_of_evidence(work) as store:
        said = store.sentences_of("first-use", work.now - dt.timedelta(days=YEAR_DAYS))
    return sorted({one for one in said if "the AI tool" in one})[:_MOST_AI]


def alerts_of_evidence(work: Work) -> contextlib.closing[AlertStore]:
    """The alerts. Raises `SourceBroken` where the monitor has never run."""
    path = work.settings.server.state_dir / "monitor" / "alerts.db"
    if not path.exists():
        raise SourceBroken("nothing watches the query log: the monitor has never run")
    return contextlib.closing(AlertStore.open(path))


READERS: Final[Mapping[str, Reader]] = {
    "status": Reader("status.show", _status),
    "segments": Reader("segments.list", segments.list_segments),
    "policy": Reader("policy.categories shows_reasons=true", lambda work: policy_views.categories(work, None, True)),
    "revisions": Reader("policy.revisions", policies.revisions),
    "exceptions": Reader("exceptions.list", exceptions.list_exceptions),
    "sealed_counts": Reader("the server's status, section sealed", _sealed_counts),
    "forwarders": Reader("settings.show forwarders", _forwarders),
    "checks": Reader("checks.record", _checks),
    "alerts": Reader(f"alerts.summary days={YEAR_DAYS}", lambda work: alerts.summary(work, YEAR_DAYS)),
    "alerts_open": Reader("alerts.counts", _alerts_open),
    "silent_devices": Reader("alerts.list, detector silence, open", _silent_devices),
    "ai_seen": Reader("alerts.list, detector first-use, AI", _ai_seen),
    "log": Reader("log.status", _log),
    "blocked": Reader("log.hours of 30 days by verdict, category, segment", _blocked),
    "retention": Reader("settings.show retention", lambda work: work.settings.retention.model_dump(mode="json")),
}


async def read_sources(work: Work, wanted: Collection[str], more: Mapping[str, Source] | None = None) -> Sources:
    """The named sources, one after the other in a thread; `more`: those that were read elsewhere."""
    found = await asyncio.to_thread(lambda: {name: read_source(work, READERS[name]) for name in wanted})
    return Sources({**found, **(more or {})}, work.now_us)


def read_source(work: Work, reader: Reader) -> Source:
    """The value, or why there is none; blocks."""
    try:
        return Source(reader.query, as_json(reader.read(work)))
    except (SchoolgateError, OSError, sqlite3.Error, ValueError, LookupError, TypeError) as error:
        return Source(reader.query, problem=str(error) or type(error).__name__)


def as_json(value: Any) -> Any:
    """Plain values, as the API would give them."""
    return orjson.loads(orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS))


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)
