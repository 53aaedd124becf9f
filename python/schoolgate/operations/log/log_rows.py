"""Rows of the query log: search, counts of the most frequent, and what a live view of one device shows.

A search that names a device is on record. Who looks without identities sees rows without devices, and searches for
none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from schoolgate.checks.layers import LAYERS
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.operations import rights
from schoolgate.operations.registry import Personal, sees
from schoolgate.operations.self_test_marks import marked
from schoolgate.operations.work import Work
from schoolgate.policy import load_catalogue, parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.querylog import BadQuery, Query, QueryLog, Row
from schoolgate.querylog.known_values import refuse_unknown
from schoolgate.querylog.layout import Class
from schoolgate.querylog.log import MOST_TOP
from schoolgate.querylog.log_query import Match, OwnRows, RowsUnderLostKeys, Top, TopOf
from schoolgate.storage import state_dir

# A row has a few hundred octets in a reply, and at worst, where every name is escaped, nine thousand.
MOST_ROWS_A_PAGE = 5_000


@dataclass(frozen=True)
class LogFilters:
    """Rows, of any client. Fields together mean "and", the values of one field "or"; `until` itself is outside.
    `own_checks`: rows of the hourly checks of this server, which no device asked."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    segments: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    name: str | None = None
    match: Match = "suffix"
    categories: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    class_: Class | None = None
    qtypes: tuple[int, ...] = ()
    own_checks: OwnRows = "without"

    def query(self, client: str | None) -> Query:
        """With the device, which stands beside the filters because it is personal. Raises `BadQuery`."""
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise BadQuery("--from is not before --to, so nothing can match")
        return Query(client=client, **{one.name: getattr(self, one.name) for one in fields(self)})


@dataclass(frozen=True)
class RowPage:
    """Rows, newest first; `cursor` gets the next page. `problems`: what could not be read. `lost`: why rows that may be
    the client's are not among these. `is_log_empty`: there is no row at all."""

    rows: tuple[Row, ...]
    cursor: str | None
    problems: tuple[str, ...] = ()
    lost: str | None = None
    is_log_empty: bool = False

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"rows": len(self.rows)}


@dataclass(frozen=True)
class MostFrequent:
    """The values with most rows. The rest as in `RowPage`."""

    values: tuple[Top, ...]
    problems: tuple[str, ...] = ()
    lost: str | None = None
    is_log_empty: bool = False


@dataclass(frozen=True)
class Watch:
    """What a live view shows. `name`: as the log writes it; `clients`: the texts under which the log knows the device.
    `sees_identities`: whether it shows devices."""

    name: str | None
    clients: tuple[str, ...]
    sees_identities: bool


@sees("log.search")
def search(
    work: Work,
    filters: LogFilters = LogFilters(),
    client: Annotated[str | None, Personal] = None,
    most: Annotated[int, Field(ge=1, le=MOST_ROWS_A_PAGE)] = 100,
    after: str | None = None,
    says_lost: bool = True,
) -> RowPage:
    """Rows of the query log, newest first. `after`: the cursor of the page before. `says_lost`: of one page is enough.
    Raises `LogProblem`."""
    with opened(work) as log:
        query = query_of(work, log, "log.search", filters, client)
        page = log.search(query, most=most, after=after)
        lost = lost_rows(log, query, "All other rows were searched") if says_lost else None
        is_empty = not page.rows and after is None and not log.held()
    rows = marked(work.settings.server.state_dir, page.rows)
    if not rights.sees_identities(work.actor.roles, "log.search"):
        rows = tuple(map(without_identities, rows))
    return RowPage(rows, page.cursor, page.problems, lost, is_empty)


@sees("log.top")
def top(
    work: Work,
    what: TopOf,
    filters: LogFilters = LogFilters(),
    client: Annotated[str | None, Personal] = None,
    most: Annotated[int, Field(ge=1, le=MOST_TOP)] = 20,
) -> MostFrequent:
    """What comes most often. Names of sealed lists, and rows that were only counted, are left out."""
    if what == "clients":
        rights.require_identities(work.actor.roles, "log.top")
    with opened(work) as log:
        query = query_of(work, log, "log.top", filters, client)
        found = log.top(what, query, most=most)
        problems = log.problems
        lost = lost_rows(log, query, "All other rows were counted")
        return MostFrequent(found, problems, lost, not found and not log.held())


@sees("log.watch")
def watch(work: Work, filters: LogFilters = LogFilters(), client: Annotated[str | None, Personal] = None) -> Watch:
    """What a live view of the log shows; it reads the rows itself. Of one device, it is on record."""
    with opened(work) as log:
        query = log.as_logged(query_of(work, log, "log.watch", filters, client))
        clients = () if client is None else tuple(log.known_as(client))
    return Watch(query.name, clients, rights.sees_identities(work.actor.roles, "log.watch"))


def opened(work: Work) -> QueryLog:
    """The log of the settings. Not as root: the lock and the scratch would belong to root, and shut the service out."""
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    return QueryLog(folder)


def lost_rows(log: QueryLog, query: Query, what: str) -> str | None:
    """Why the answer may leave out rows of the query's client; None where it leaves out none."""
    try:
        log.refuse_half(query, what)
    except RowsUnderLostKeys as error:
        return str(error)
    return None


def without_identities(row: Row) -> Row:
    """The row of some device."""
    return replace(row, client="", device=None, user=None)


def query_of(work: Work, log: QueryLog, operation: str, filters: LogFilters, client: str | None) -> Query:
    """The query, without a word in it that nothing can match. Raises `BadQuery`, `NotPermitted`."""
    if client is not None:
        rights.require_identities(work.actor.roles, operation)
    query = filters.query(client)
    if query.segments or query.policies or query.categories or query.layers:
        refuse_unknown(log, query, _known(work.settings))
    return query


def _known(settings: Settings) -> dict[str, Collection[str]]:
    """What the policy and the lists have names for. What cannot be read now is no reason to search for nothing."""
    known: dict[str, Collection[str]] = {"layers": LAYERS}
    with contextlib.suppress(SchoolgateError):
        known["categories"] = load_catalogue(settings.lists.dir).categories
    with contextlib.suppress(SchoolgateError):
        _, text, file = active_or_first(settings)
        document = parse(text, file).document
        known |= {"segments": document.segments, "policies": document.policies}
    return known
