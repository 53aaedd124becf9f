"""`log search`, `log tail`, `log top` and `log export`: rows for people and for programs."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.text import Text

from schoolgate.checks.layers import LAYERS
from schoolgate.cli.commands.record_types import type_name, type_number
from schoolgate.cli.commands.school_time import now as now_here
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, table
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.policy import load_catalogue, parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.querylog import BadQuery, Query, QueryLog, Row
from schoolgate.querylog.known_values import refuse_unknown
from schoolgate.querylog.layout import Class
from schoolgate.querylog.log import MOST_ROWS_A_PAGE
from schoolgate.querylog.log_query import Match, TopOf
from schoolgate.querylog.moments import last as length
from schoolgate.querylog.moments import moment
from schoolgate.querylog.pseudonym import short
from schoolgate.querylog.shown import FIELDS, json_line, json_object, printable, values
from schoolgate.querylog.spreadsheet import csv_line
from schoolgate.querylog.tail import Tail, matches
from schoolgate.storage import state_dir

# The server writes at least once a second.
LOOK_EVERY_S = 0.5
LEAST_TABLE_WIDTH = 140
HEADERS = ("time", "client", "segment", "verdict", "name", "type", "why", "from")
_STYLES = {"deny": "red", "deny-revealed": "red", "fail": "yellow", "rewrite": "cyan"}


@dataclass(frozen=True)
class Filters:
    """The filters as they were typed."""

    since: str | None = None
    until: str | None = None
    last: str | None = None
    client: str | None = None
    segments: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    name: str | None = None
    exact: str | None = None
    contains: str | None = None
    categories: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    class_: Class | None = None
    types: tuple[str, ...] = ()

    def query(self, now: dt.datetime) -> Query:
        """Raises `BadQuery`."""
        if self.last is not None and self.since is not None:
            raise BadQuery("use --last or --from, not both")
        since = now - length(self.last) if self.last is not None else _moment(self.since, now)
        until = _moment(self.until, now)
        if since is not None and until is not None and since >= until:
            raise BadQuery("--from is not before --to, so nothing can match")
        name, match = self._name()
        return Query(
            since=since, until=until, client=self.client, segments=self.segments, policies=self.policies, name=name,
            match=match, categories=self.categories, actions=self.actions, layers=self.layers, sources=self.sources,
            class_=self.class_, qtypes=tuple(map(type_number, self.types)),
        )  # fmt: skip

    def _name(self) -> tuple[str | None, Match]:
        given: list[tuple[str | None, Match]] = [
            (self.name, "suffix"),
            (self.exact, "exact"),
            (self.contains, "contains"),
        ]
        named = [one for one in given if one[0] is not None]
        if len(named) > 1:
            raise BadQuery("use one of --name, --exact and --contains")
        return named[0] if named else (None, "suffix")


def search(config: Path | None, filters: Filters, most: int, after: str | None, form: str) -> None:
    """Rows, newest first."""
    with opened(config) as log:
        writer = Writer(form)
        cursor = after
        query = _query(log, config, filters)
        left = most
        while left > 0:
            page = log.search(query, most=min(left, MOST_ROWS_A_PAGE), after=cursor)
            writer.rows(page.rows)
            cursor, left = page.cursor, left - len(page.rows)
            if cursor is None:
                break
        writer.end()
        say_problems(log)
        if cursor is not None:
            note(f"there is more: --after {cursor}")
        elif not writer.count:
            _say_empty(log)
        log.refuse_half(query, "All other rows were searched")


def tail(config: Path | None, filters: Filters, form: str) -> None:
    """Rows as they are written, until Ctrl-C."""
    with opened(config) as log:
        query = log.as_logged(_query(log, config, filters))
        clients = [] if query.client is None else log.known_as(query.client)
    following = Tail(log.folder)
    writer = Writer(form, live=True)
    try:
        while True:
            writer.rows(row for row in following.new_rows() if matches(query, clients, row))
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


def top(config: Path | None, what: TopOf, filters: Filters, most: int, form: str) -> None:
    """What comes most often."""
    with opened(config) as log:
        query = _query(log, config, filters)
        found = log.top(what, query, most=most)
        if form == "json":
            _write(json_object(asdict(one)) + b"\n" for one in found)
        elif form == "csv":
            _write([csv_line((what, "rows", "denied")).encode()])
            _write(csv_line((one.value, one.rows, one.denied)).encode() for one in found)
        elif found:
            rows = table(what, "rows", "denied")
            for one in found:
                value = short(one.value) if what == "clients" else printable(one.value)
                rows.add_row(Text(value), str(one.rows), str(one.denied))
            out.print(rows)
        say_problems(log)
        if not found:
            _say_empty(log)
        log.refuse_half(query, "All other rows were counted")


class Writer:
    """Rows in one of the forms: table, json, csv."""

    def __init__(self, form: str, live: bool = False) -> None:
        self.count = 0
        self._form = form
        # In a narrow terminal a table would fold every cell: one line a row reads better.
        self._live = live or out.width < LEAST_TABLE_WIDTH
        self._table = table(*HEADERS)

    def rows(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._form == "csv" and not self.count:
                _write([csv_line(FIELDS).encode()])
            self.count += 1
            if self._form == "json":
                _write([json_line(row)])
            elif self._form == "csv":
                _write([csv_line(values(row)).encode()])
            elif self._live:
                if self.count == 1:
                    out.print("  ".join(HEADERS), style="bold")
                out.print(Text("  ").join(_cells(row)))
            else:
                self._table.add_row(*_cells(row))

    def end(self) -> None:
        if self._form == "table" and self.count and not self._live:
            out.print(self._table)


def opened(config: Path | None) -> QueryLog:
    """The log of the settings. Not as root: the lock and the scratch would belong to root, and shut the service out."""
    folder = load(config).server.state_dir
    state_dir.refuse_strangers(folder)
    return QueryLog(folder)


def _query(log: QueryLog, config: Path | None, filters: Filters) -> Query:
    """The query, without a word in it that nothing can match. Raises `BadQuery`."""
    query = filters.query(_now())
    if query.segments or query.policies or query.categories or query.layers:
        refuse_unknown(log, query, _known(config))
    return query


def _known(config: Path | None) -> dict[str, Collection[str]]:
    """What the policy and the lists have names for. What cannot be read now is no reason to search for nothing."""
    settings = load(config)
    known: dict[str, Collection[str]] = {"layers": LAYERS}
    with contextlib.suppress(SchoolgateError):
        known["categories"] = load_catalogue(settings.lists.dir).categories
    with contextlib.suppress(SchoolgateError):
        _, text, file = active_or_first(settings)
        document = parse(text, file).document
        known |= {"segments": document.segments, "policies": document.policies}
    return known


def _cells(row: Row) -> list[Text]:
    why = row.category or (row.layer if row.layer != row.action else "")
    if row.rule:
        why = f"{why}: {row.rule}" if why else row.rule
    verdict = Text(printable(row.action), style=_STYLES.get(row.action, ""))
    time_text = on_the_wall(row.time)
    texts = (
        time_text,
        short(row.client) or "-",
        row.segment or "-",
        "",
        row.qname or "(counted)",
        type_name(row.qtype),
        why,
    )
    return [verdict if at == 3 else Text(printable(text)) for at, text in enumerate((*texts, row.source))]


def say_problems(log: QueryLog) -> None:
    """What of the log could not be read."""
    for problem in log.problems:
        note(problem, "bold red")


def _say_empty(log: QueryLog) -> None:
    if log.held():
        note("nothing matches")
    else:
        note("the query log has no rows yet: they come with the first query, where query_log.enabled is true")


def _moment(text: str | None, now: dt.datetime) -> dt.datetime | None:
    return None if text is None else moment(text, now)


def _write(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _now() -> dt.datetime:
    """What people type as 09:30 or today is on the school's clock."""
    return now_here()
