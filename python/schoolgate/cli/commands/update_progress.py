"""How an update shows itself: bars on a terminal, lines in a log, JSON for a console."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import orjson
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from schoolgate.cli.commands.terminal import err, note
from schoolgate.lists.progress import Event, Tell

_STYLES = {"failed": "red", "held": "yellow", "changed": "green"}


@contextmanager
def shown(as_events: bool) -> Iterator[Tell]:
    """Whom an update tells."""
    if as_events:
        yield _print_event
    elif err.is_terminal:
        with Progress(
            TextColumn("{task.description:32}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            TextColumn("{task.fields[step]}"), console=err, transient=False,
        ) as progress:  # fmt: skip
            yield _Bars(progress)
    else:
        yield _Lines()


def _print_event(event: Event) -> None:
    sys.stdout.buffer.write(orjson.dumps(asdict(event)) + b"\n")
    sys.stdout.flush()


class _Lines:
    """A line when something begins or ends; octets in between are no news for a log."""

    def __init__(self) -> None:
        self._last: dict[str | None, str] = {}

    def __call__(self, event: Event) -> None:
        if event.step == "not due" or self._last.get(event.feed) == event.step == "fetching":
            return
        self._last[event.feed] = event.step
        parts = (event.feed, event.step if event.feed or not event.text else None, event.text)
        note(": ".join(part for part in parts if part))


class _Bars:
    """A bar for each feed under way."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        if event.step == "not due":
            return
        if event.feed is None:
            note(event.text or event.step)
            return
        if event.feed not in self._bars:
            self._bars[event.feed] = self._progress.add_task(event.feed, total=None, step="")
        bar = self._bars[event.feed]
        if event.step == "fetching":
            self._progress.update(bar, completed=event.octets, total=event.total, step="")
            return
        style = _STYLES.get(event.step)
        text = f"{event.step} {event.text}".strip().replace("[", r"\[")
        self._progress.update(bar, step=f"[{style}]{text}[/]" if style else text)
        if event.step != "reading":
            done = self._progress.tasks[bar].completed
            self._progress.update(bar, total=done or 1, completed=done or 1)
