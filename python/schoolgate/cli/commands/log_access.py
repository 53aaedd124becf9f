"""`log export`: everything that is held of one client, for a person who asks for access, or for a program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from schoolgate.alerts.alert import Alert
from schoolgate.cli.commands.log_care import alerts_of
from schoolgate.cli.commands.log_rows import Filters, opened, say_problems
from schoolgate.cli.commands.record_types import type_name
from schoolgate.cli.commands.school_time import now, on_the_wall
from schoolgate.cli.commands.terminal import say
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.policy import load_catalogue
from schoolgate.querylog import Query, QueryLog, Row
from schoolgate.querylog.in_words import in_words
from schoolgate.querylog.layout import FILE_MODE
from schoolgate.querylog.log import MOST_ROWS_A_PAGE
from schoolgate.querylog.shown import FIELDS, json_line, json_object, printable, values
from schoolgate.querylog.spreadsheet import csv_line


class NotExported(SchoolgateError):
    """A file for the export cannot be written."""


def export(config: Path | None, client: str, filters: Filters, file: Path, form: str) -> None:
    """To a file that only we can read. `form`: json, csv, text."""
    settings = load(config)
    with opened(config) as log:
        query = replace(filters.query(now()), client=log.whole_client(client))
        alerts = alerts_of(settings, log.known_as(query.client or client))
        titles = {one.id: one.name for one in load_catalogue(settings.lists.dir).categories.values()}
        counted = _Counted(_all(log, query))
        with _new_file(file) as descriptor:
            for piece in _pieces(form, client, counted, alerts, titles):
                descriptor.write(piece)
            descriptor.flush()
            os.fsync(descriptor.fileno())
        say_problems(log)
        also = f" and {len(alerts)} alerts" if alerts and form != "csv" else ""
        say(f"{counted.count} rows{also} of {printable(client)} are in {file}, which only you can read; delete it when"
            " it has served")  # fmt: skip
        log.refuse_half(replace(query, client=client), "All other rows were looked through")


class _Counted:
    """Rows, counted on their way."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.count = 0
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _pieces(
    form: str, client: str, rows: Iterable[Row], alerts: list[Alert], titles: dict[str, str]
) -> Iterator[bytes]:
    if form == "csv":
        yield csv_line(FIELDS).encode()
        yield from (csv_line(values(row)).encode() for row in rows)
    elif form == "json":
        yield from map(json_line, rows)
        yield from (json_object({"alert": asdict(alert)}) + b"\n" for alert in alerts)
    else:
        yield from (line.encode() + b"\n" for line in _lines(client, rows, alerts, titles))


def _lines(client: str, rows: Iterable[Row], alerts: list[Alert], titles: dict[str, str]) -> Iterator[str]:
    yield f"What the school's DNS filter holds of the device {printable(client)}, as of {on_the_wall(now())}."
    yield "A line is one question of the device for the address of a name. Names are often asked for by programs, not"
    yield "by the person who holds the device. The filter does not see pages, words or pictures."
    yield ""
    yield "Questions, newest first:"
    for row in rows:
        yield f"  {on_the_wall(row.time)}  {printable(in_words(row, type_name(row.qtype), titles))}"
    yield ""
    yield "Alerts, newest first:" if alerts else "No alert is kept of this device."
    for alert in alerts:
        yield f"  {on_the_wall(alert.last_at)}  {alert.severity}: {alert.sentence} State: {alert.state}" + (
            f", outcome: {alert.outcome}." if alert.outcome else "."
        )


def _all(log: QueryLog, query: Query) -> Iterator[Row]:
    cursor = None
    while True:
        page = log.search(query, most=MOST_ROWS_A_PAGE, after=cursor)
        yield from page.rows
        cursor = page.cursor
        if cursor is None:
            return


def _new_file(path: Path) -> Any:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE), "wb")
    except FileExistsError:
        raise NotExported(f"{path} is there already; name another file") from None
    except OSError as error:
        raise NotExported(f"{path}: {error.strerror}; name a file in a directory of yours") from error
