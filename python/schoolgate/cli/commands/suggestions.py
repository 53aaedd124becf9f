"""`lists suggestions`."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

from schoolgate.cli.commands.terminal import moment, note, out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.storage import state_dir
from schoolgate.suggestions.looking import look
from schoolgate.suggestions.queue import Queue

SHOWN = 50


def show(config: Path | None, *, everything: bool, as_json: bool) -> None:
    """The queue."""
    settings = _settings(config)
    rows = Queue(settings.server.state_dir).rows(None if everything else "open")
    if as_json:
        say_json([asdict(row) for row in rows])
        return
    if not rows:
        note("nothing is suggested; the monitor looks once a day, `schoolgate lists suggestions look` looks now")
        return
    shown = table("name", "how", "resembles", "probably", "asked", "since", *(["state"] if everything else []))
    for row in rows[:SHOWN]:
        cells = (row.name, row.kind, row.resembles, row.category, str(row.asked), moment(row.first_at)[:10])
        shown.add_row(*cells, *([row.state] if everything else []))
    out.print(shown)
    if len(rows) > SHOWN:
        note(f"{len(rows) - SHOWN} more; --json has all of them")
    note("None of these is blocked by this. Look at the site, then: schoolgate lists suggestions accept | dismiss NAME")


def look_now(config: Path | None, days: int) -> None:
    """Looks through the log of the last days."""
    settings = _settings(config)
    now = dt.datetime.now(dt.UTC)
    found, new = look(settings, now - dt.timedelta(days=days), now)
    say(f"{len(found)} names found in the last {days} days, {new} of them new in the queue")


def accept(config: Path | None, name: str, who: str) -> None:
    """Says what to write into the policy; writes nothing there itself."""
    row = Queue(_settings(config).server.state_dir).decide(name, "accepted", who, "", dt.datetime.now(dt.UTC))
    note("Add it to the policies that should deny it, then: schoolgate policy apply FILE --reason TEXT", "bold")
    say(f'deny = ["{row.name}"]    # {row.kind} of {row.resembles}, probably {row.category}')


def dismiss(config: Path | None, name: str, who: str, reason: str) -> None:
    """It is not suggested again."""
    row = Queue(_settings(config).server.state_dir).decide(name, "dismissed", who, reason, dt.datetime.now(dt.UTC))
    say(f"{row.name} is not suggested again")


def _settings(config: Path | None) -> Settings:
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    return settings
