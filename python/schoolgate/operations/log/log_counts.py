"""Counts of the query log for charts, without a device or a name; and one device, for who may see it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from schoolgate.operations import rights
from schoolgate.operations.log.log_rows import MOST_ROWS_A_PAGE, LogFilters, lost_rows, opened, query_of
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import Personal, looks, sees
from schoolgate.operations.work import Work
from schoolgate.policy.compile import written_policy
from schoolgate.querylog import BadQuery, Query, QueryLog, Row
from schoolgate.querylog.log_query import DENIALS, HourOfRows, Top

By = Literal["verdict", "category", "segment", "layer"]
# A chart has no room for more, and a reply no need.
MOST_DAYS_BY_HOUR, MOST_DAYS = 62, 1100
EVERY_ACTION = ("allow", "deny", "deny-revealed", "rewrite", "fail")
MOST_DEVICE_DAYS = 366
LAST_BLOCKS = 25
MOST_CATEGORIES = 50
ANY = ""
MOST_DEVICES = 500
# Of rows that are looked through for devices.
MOST_PAGES = 4


@dataclass(frozen=True)
class HourCount:
    """`at`: the begin of the hour or day, ISO 8601, UTC. `key`: the verdict, category, segment or layer; "" where the
    rows have none."""

    at: str
    key: str
    rows: int


@dataclass(frozen=True)
class HourCounts:
    """In order of time and key; an hour without rows has no entry. `problems`: what could not be read."""

    counts: tuple[HourCount, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class DeviceShown:
    """One device of the log. `first`, `last`: when it was seen in these days, ISO 8601, UTC; None: it was not.
    `segment`: at its last row; `policy`: of that segment now, `policy_then`: of that row.

    Who sees no identities sees when and where it was, and not what it asked: then `blocks` and `categories` are empty,
    and `hours` have no verdict. `sealed`: blocks of sealed lists, which are counted and never shown. `lost`: why rows
    that may be its own are not among these."""

    first: str | None
    last: str | None
    segment: str | None
    policy: str | None
    policy_then: str | None
    rows: int
    denied: int | None
    hours: tuple[HourCount, ...]
    categories: tuple[Top, ...]
    blocks: tuple[Row, ...]
    sealed: int | None
    problems: tuple[str, ...]
    lost: str | None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"rows": self.rows}


@dataclass(frozen=True)
class DeviceSeen:
    """A device of the log at its last row."""

    client: str
    last: str
    segment: str
    policy: str


@dataclass(frozen=True)
class DevicesSeen:
    """Those that asked last come first. `is_cut`: there may be more, which asked earlier."""

    devices: tuple[DeviceSeen, ...]
    is_cut: bool
    problems: tuple[str, ...]

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"devices": len(self.devices)}


@looks("log.hours")
def hours(
    work: Work,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    by: By = "verdict",
    segments: tuple[str, ...] = (),
    is_by_day: bool = False,
) -> HourCounts:
    """Rows by the hour, or by the day of UTC, and by what was done; the last 24 hours without a time.

    Raises `BadQuery`, `LogProblem`."""
    until = until or work.now
    since = since or until - dt.timedelta(hours=24)
    most = MOST_DAYS if is_by_day else MOST_DAYS_BY_HOUR
    if not since < until <= since + dt.timedelta(days=most):
        raise BadQuery(f"ask for some time that has passed, at most {most} days")
    key: Any = "action" if by == "verdict" else by
    with opened(work) as log:
        found = log.rollup(
            since, until, by=("day" if is_by_day else "hour", key), segments=segments, without_own=EVERY_ACTION
        )
        counts = (HourCount(_text(one.key[0]), str(one.key[1] or ANY), one.rows) for one in found)
        return HourCounts(tuple(counts), log.problems)


@sees("device.list")
def list_devices(
    work: Work,
    segments: tuple[str, ...] = (),
    hours: Annotated[int, Field(ge=1, le=168)] = 24,
    most: Annotated[int, Field(ge=1, le=MOST_DEVICES)] = 25,
) -> DevicesSeen:
    """Devices that asked lately, in no other order. Of the newest rows alone, so that it takes no longer in a year.

    Raises `BadQuery`, `LogProblem`."""
    filters = LogFilters(since=work.now - dt.timedelta(hours=hours), segments=segments)
    found: dict[str, DeviceSeen] = {}
    problems: dict[str, None] = {}
    cursor: str | None = None
    with opened(work) as log:
        query = query_of(work, log, "device.list", filters, None)
        for _ in range(MOST_PAGES):
            page = log.search(query, most=MOST_ROWS_A_PAGE, after=cursor)
            problems |= dict.fromkeys(page.problems)
            for row in page.rows:
                if row.client:
                    seen = DeviceSeen(row.client, _text(row.time), row.segment, written_policy(row.policy))
                    found.setdefault(row.client, seen)
            cursor = page.cursor
            if cursor is None or len(found) > most:
                break
    devices = tuple(found.values())
    return DevicesSeen(devices[:most], cursor is not None or len(devices) > most, tuple(problems))


@sees("device.show")
def show(
    work: Work, client: Annotated[str, Personal], days: Annotated[int, Field(ge=1, le=MOST_DEVICE_DAYS)] = 7
) -> DeviceShown:
    """What the log has of one device: an address, a pseudonym, or its first characters. It is on record.

    Raises `BadQuery`, `LogProblem`."""
    sees_all = rights.sees_identities(work.actor.roles, "device.show")
    query = LogFilters(since=work.now - dt.timedelta(days=days)).query(client)
    with opened(work) as log:
        found = log.by_hour(query)
        newest = log.search(query, most=1).rows if found else ()
        blocks, sealed, categories = _asked(log, query) if sees_all and found else ((), 0, ())
        lost = lost_rows(log, query, "All other rows were counted")
        problems = log.problems
    segment = newest[0].segment if newest else None
    return DeviceShown(
        first=_text(_as_exact(min(one.first for one in found), sees_all)) if found else None,
        last=_text(_as_exact(max(one.last for one in found), sees_all)) if found else None,
        segment=segment,
        policy=_policy_now(work, segment),
        policy_then=written_policy(newest[0].policy) if newest else None,
        rows=sum(one.rows for one in found),
        denied=sum(one.rows for one in found if one.action in DENIALS) if sees_all else None,
        hours=tuple(_counts(found, has_verdict=True)) if sees_all else (),
        categories=categories,
        blocks=blocks,
        sealed=sealed if sees_all else None,
        problems=problems,
        lost=lost,
    )


def _as_exact(moment: dt.datetime, is_exact: bool) -> dt.datetime:
    """The day alone for who sees no devices: a moment would lead to a row of the log, which has the name."""
    return moment if is_exact else moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _asked(log: QueryLog, query: Query) -> tuple[tuple[Row, ...], int, tuple[Top, ...]]:
    """The last blocks, how many are of sealed lists, and the categories."""
    from dataclasses import replace

    denials = replace(query, actions=DENIALS)
    sealed = log.count(replace(denials, layers=("sealed",)))
    # At most so many of the newest are sealed; a page has room for both.
    page = log.search(denials, most=min(10_000, LAST_BLOCKS + sealed))
    shown = tuple(row for row in page.rows if row.layer != "sealed")[:LAST_BLOCKS]
    return shown, sealed, log.top("categories", query, most=MOST_CATEGORIES)


def _counts(found: Iterable[HourOfRows], *, has_verdict: bool) -> Iterable[HourCount]:
    if has_verdict:
        return (HourCount(_text(one.hour), one.action, one.rows) for one in found)
    sums: Counter[str] = Counter()
    for one in found:
        sums[_text(one.hour)] += one.rows
    return (HourCount(hour, ANY, rows) for hour, rows in sums.items())


def _policy_now(work: Work, segment: str | None) -> str | None:
    """None where the segment is no more; the strictest policy where it has none."""
    from schoolgate.policy.schedule import policy_at

    if segment is None:
        return None
    found = policy_in_force(work)
    if not segment:
        return found.document.strictest
    one = found.document.segments.get(segment)
    return None if one is None else policy_at(one, work.now, found.zone, found.calendar)


def _text(moment: object) -> str:
    return moment.isoformat() if isinstance(moment, dt.datetime) else str(moment)
