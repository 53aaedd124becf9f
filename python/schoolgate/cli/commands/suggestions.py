"""`lists suggestions`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import moment, note, out, say, say_json, table
from schoolgate.operations.suggestions import Looked
from schoolgate.suggestions.queue import Row

SHOWN = 50


def show(config: Path | None, *, everything: bool, as_json: bool) -> None:
    """The queue."""
    rows: tuple[Row, ...] = ask(config, "suggestions.list", is_all=everything)
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
    looked: Looked = ask(config, "suggestions.look", days=days)
    say(f"{looked.found} names found in the last {days} days, {looked.new} of them new in the queue")


def accept(config: Path | None, name: str) -> None:
    """Says what to write into the policy; writes nothing there itself."""
    row: Row = ask(config, "suggestions.accept", name=name)
    note("Add it to the policies that should deny it, then: schoolgate policy apply FILE --reason TEXT", "bold")
    say(f'deny = ["{row.name}"]    # {row.kind} of {row.resembles}, probably {row.category}')


def dismiss(config: Path | None, name: str, reason: str) -> None:
    """It is not suggested again."""
    row: Row = ask(config, "suggestions.dismiss", name=name, reason=reason)
    say(f"{row.name} is not suggested again")
