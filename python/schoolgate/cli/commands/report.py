"""`report daily | weekly | termly | list`."""

from __future__ import annotations

import sys
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import moment, note, say, say_json
from schoolgate.operations.reports import ReportMade, Shelf


def report(
    config: Path | None, kind: str, reader: str, segments: tuple[str, ...], form: str, of: str | None, *, keep: bool
) -> None:
    """Prints it, or keeps it on the shelf."""
    if keep:
        say(ask(config, "reports.keep", kind=kind, reader=reader, segments=segments, of=of))
        return
    made: ReportMade = ask(config, "reports.make", kind=kind, reader=reader, segments=segments, form=form, of=of)
    sys.stdout.write(made.text)
    for problem in made.problems:
        note(problem, "yellow")


def show(config: Path | None, as_json: bool) -> None:
    """What is on the shelf."""
    shelf: Shelf = ask(config, "reports.list")
    if as_json:
        kept = shelf.kept
        say_json([{"path": str(one.path), "made_at": one.made_at, "size_octets": one.size_octets} for one in kept])
        return
    for one in shelf.kept:
        say(f"{one.path}  {one.size_octets / 1024:.0f} KiB, made {moment(one.made_at.isoformat())}")
    if not shelf.kept:
        note(f"no report is kept in {shelf.folder}; schedule some in [[reports.scheduled]], or make one with --keep")
