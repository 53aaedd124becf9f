"""`log search`, `log tail`, `log top` and `log export`: rows for people and for programs."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.text import Text

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.school_time import now as now_here
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, table
from schoolgate.config import load
from schoolgate.operations.log.log_rows import (
    MOST_ROWS_A_PAGE,
    LogFilters,
    MostFrequent,
    RowPage,
    Watch,
    without_identities,
)
from schoolgate.querylog import BadQuery, Row
from schoolgate.querylog.check_rows import check_rows
from schoolgate.querylog.layout import Class, LogFolder
from schoolgate.querylog.log_query import Match, RowsUnderLostKeys, TopOf
from schoolgate.querylog.moments import last as length
from schoolgate.querylog.moments import moment
from schoolgate.querylog.pseudonym import short
from schoolgate.querylog.shown import FIELDS, json_line, json_object, printable, values
from schoolgate.querylog.spreadsheet import csv_line
from schoolgate.querylog.tail import Tail, matches
from schoolgate.resolver.record_types import type_name, type_number

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
    with_checks: bool = False

    def wanted(self, now: dt.datetime) -> LogFilters:
        """All of them but the client, read. What people type as 09:30 or today is on the clock of `now`, the school's.
        Raises `BadQuery`."""
        if self.last is not None and self.since is not None:
            raise BadQuery("use --last or --from, not both")
        since = now - length(self.last) if self.last is not None else _moment(self.since, now)
        name, match = self._name()
        return LogFilters(
            since=since, until=_moment(self.until, now), segments=self.segments, policies=self.policies, name=name,
            match=match, categories=self.categories, actions=self.actions, layers=self.layers, sources=self.sources,
            class_=self.class_, qtypes=tuple(map(type_number, self.types)),
            own_checks="with" if self.with_checks else "without",
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
    writer, wanted = Writer(form), filters.wanted(now_here())
    cursor, left, lost = after, most, None
    while True:
        page: RowPage = ask(
            config, "log.search", filters=wanted, client=filters.client, most=min(left, MOST_ROWS_A_PAGE),
            after=cursor, says_lost=left == most,
        )  # fmt: skip
        writer.rows(page.rows)
        cursor, left, lost = page.cursor, left - len(page.rows), lost or page.lost
        if cursor is None or left <= 0:
            break
    writer.end()
    say_problems(page.problems)
    if cursor is not None:
        note(f"there is more: --after {cursor}")
    elif not writer.count:
        _say_empty(page.is_log_empty)
    refuse_lost(lost)


def tail(config: Path | None, filters: Filters, form: str) -> None:
    """Rows as they are written, until Ctrl-C."""
    wanted = filters.wanted(now_here())
    watch: Watch = ask(config, "log.watch", filters=wanted, client=filters.client)
    query = replace(wanted.query(filters.client), name=watch.name)
    folder = load(config).server.state_dir
    following = Tail(LogFolder(folder / "log"))
    writer = Writer(form, live=True)
    try:
        while True:
            rows = (row for row in following.new_rows() if matches(query, watch.clients, row, check_rows(folder)))
            writer.rows(rows if watch.sees_identities else map(without_identities, rows))
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


def top(config: Path | None, what: TopOf, filters: Filters, most: int, form: str) -> None:
    """What comes most often."""
    wanted = filters.wanted(now_here())
    found: MostFrequent = ask(config, "log.top", what=what, filters=wanted, client=filters.client, most=most)
    if form == "json":
        _write(json_object(asdict(one)) + b"\n" for one in found.values)
    elif form == "csv":
        _write([csv_line((what, "rows", "denied")).encode()])
        _write(csv_line((one.value, one.rows, one.denied)).encode() for one in found.values)
    elif found.values:
        rows = table(what, "rows", "denied")
        for one in found.values:
            value = short(one.value) if what == "clients" else printable(one.value)
            rows.add_row(Text(value), str(one.rows), str(one.denied))
        out.print(rows)
    say_problems(found.problems)
    if not found.values:
        _say_empty(found.is_log_empty)
    refuse_lost(found.lost)


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


def say_problems(problems: Iterable[str]) -> None:
    """What of the log could not be read."""
    for problem in problems:
        note(problem, "bold red")


def refuse_lost(lost: str | None) -> None:
    """Ends the command with the exit code of an answer that is not whole, where it is not. Raises
    `RowsUnderLostKeys`."""
    if lost is not None:
        raise RowsUnderLostKeys(lost)


def _say_empty(is_log_empty: bool) -> None:
    if is_log_empty:
        note("the query log has no rows yet: they come with the first query, where query_log.enabled is true")
    else:
        note("nothing matches")


def _moment(text: str | None, now: dt.datetime) -> dt.datetime | None:
    return None if text is None else moment(text, now)


def _write(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
