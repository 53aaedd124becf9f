"""`report daily | weekly | termly | list`."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from schoolgate.cli.commands.terminal import moment, note, say, say_json
from schoolgate.config import Settings, config_label, load
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.policy.active_policy import active_or_first, read_ground, read_policy
from schoolgate.policy.model import Document
from schoolgate.reports.making import Form, make
from schoolgate.reports.page import Reader
from schoolgate.reports.period import Kind, last_complete, period_of
from schoolgate.reports.shelf import shelf_of
from schoolgate.storage import state_dir


class ReportUnclear(SchoolgateError):
    """No such report can be made."""


def report(
    config: Path | None, kind: str, reader: str, segments: tuple[str, ...], form: str, of: str | None, *, keep: bool
) -> None:
    """Prints it, or keeps it on the shelf."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    document = _document(config, settings)
    _refuse_unknown(segments, document)
    now, zone = dt.datetime.now(dt.UTC), ZoneInfo(document.time_zone)
    terms = settings.reports.term_starts
    asked = Kind(kind)
    period = last_complete(asked, now, zone, terms) if of is None else period_of(asked, _day(of), zone, terms)
    made = make(settings, document.time_zone, Reader(reader), period, segments, now)
    if keep:
        shelf = shelf_of(settings)
        path = shelf.path_of(period, reader, segments)
        shelf.keep(path, made.written(Form.html))
        say(str(path))
        return
    sys.stdout.write(made.written(Form(form)))
    for problem in made.facts.problems:
        note(problem, "yellow")


def show(config: Path | None, as_json: bool) -> None:
    """What is on the shelf."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    shelf = shelf_of(settings)
    kept = shelf.all()
    if as_json:
        say_json([{"path": str(one.path), "made_at": one.made_at, "size_octets": one.size_octets} for one in kept])
        return
    for one in kept:
        say(f"{one.path}  {one.size_octets / 1024:.0f} KiB, made {moment(one.made_at.isoformat())}")
    if not kept:
        note(f"no report is kept in {shelf.folder}; schedule some in [[reports.scheduled]], or make one with --keep")


def _document(config: Path | None, settings: Settings) -> Document:
    _, text, file = active_or_first(settings)
    return read_policy(text, file, read_ground(settings, config_label(config))).document


def _refuse_unknown(segments: tuple[str, ...], document: Document) -> None:
    for one in segments:
        if one not in document.segments:
            raise ReportUnclear(f"there is no segment {one}; {did_you_mean(one, document.segments)}")


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ReportUnclear(f"--of {text} is not a day; write --of 2026-11-20") from None
