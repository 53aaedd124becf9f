"""`log export`: everything that is held of one client, for a person who asks for access, or for a program."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from schoolgate.alerts.alert import Alert
from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.log_rows import Filters, refuse_lost, say_problems
from schoolgate.cli.commands.school_time import now, on_the_wall
from schoolgate.cli.commands.terminal import note, say
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.operations.log.log_access import ClientPage
from schoolgate.policy import load_catalogue
from schoolgate.querylog import Row
from schoolgate.querylog.in_words import in_words
from schoolgate.querylog.layout import FILE_MODE
from schoolgate.querylog.shown import FIELDS, json_line, json_object, printable, values
from schoolgate.querylog.spreadsheet import csv_line
from schoolgate.resolver.record_types import type_name
from schoolgate.storage import state_dir


class NotExported(SchoolgateError):
    """A file for the export cannot be written."""


def export(config: Path | None, client: str, reason: str, filters: Filters, file: Path, form: str) -> None:
    """To a file that only we can read. `form`: json, csv, text."""
    settings = load(config)
    # Before the file is made: who may not ask leaves none.
    state_dir.refuse_strangers(settings.server.state_dir)
    titles = {one.id: one.name for one in load_catalogue(settings.lists.dir).categories.values()}
    wanted = filters.wanted(now())
    with _new_file(file) as descriptor:
        pages = _Pages(config, {"client": client, "reason": reason, "since": wanted.since, "until": wanted.until})
        first = pages.first
        for piece in _pieces(form, client, pages, first.alerts, titles):
            descriptor.write(piece)
        descriptor.flush()
        os.fsync(descriptor.fileno())
    say_problems(pages.problems)
    if first.are_alerts_cut:
        note("older alerts are left out: `schoolgate alerts export` has them", "bold red")
    also = f" and {len(first.alerts)} alerts" if first.alerts and form != "csv" else ""
    say(f"{pages.count} rows{also} of {printable(client)} are in {file}, which only you can read; delete it when"
        " it has served")  # fmt: skip
    refuse_lost(first.lost)


class _Pages:
    """Rows of all pages, counted on their way; `problems` of all of them."""

    def __init__(self, config: Path | None, wanted: dict[str, Any]) -> None:
        self._config, self._wanted = config, wanted
        self.first = self._page(None)
        self.count = 0
        self.problems: dict[str, None] = {}

    def __iter__(self) -> Iterator[Row]:
        page = self.first
        while True:
            self.problems |= dict.fromkeys(page.problems)
            for row in page.rows:
                self.count += 1
                yield row
            if page.cursor is None:
                return
            page = self._page(page.cursor)

    def _page(self, after: str | None) -> ClientPage:
        page: ClientPage = ask(self._config, "log.export", after=after, **self._wanted)
        return page


def _pieces(
    form: str, client: str, rows: Iterable[Row], alerts: Sequence[Alert], titles: dict[str, str]
) -> Iterator[bytes]:
    if form == "csv":
        yield csv_line(FIELDS).encode()
        yield from (csv_line(values(row)).encode() for row in rows)
    elif form == "json":
        yield from map(json_line, rows)
        yield from (json_object({"alert": asdict(alert)}) + b"\n" for alert in alerts)
    else:
        yield from (line.encode() + b"\n" for line in _lines(client, rows, alerts, titles))


def _lines(client: str, rows: Iterable[Row], alerts: Sequence[Alert], titles: dict[str, str]) -> Iterator[str]:
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


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Half an export is none: where it cannot be finished, the file goes."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        raise NotExported(f"{path} is there already; name another file") from None
    except OSError as error:
        raise NotExported(f"{path}: {error.strerror}; name a file in a directory of yours") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
