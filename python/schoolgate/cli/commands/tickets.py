"""`tickets list | show | file | note | close`: prints what the operations return."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import moment, out, say, say_json, table
from schoolgate.operations.governance.tickets import TicketPage, TicketShown


def show_list(config: Path | None, *, is_all: bool, is_own: bool, as_json: bool) -> None:
    """Newest first."""
    if is_own:
        page: TicketPage = ask(config, "ticket.own", most=100)
    else:
        page = ask(config, "ticket.list", states=["open", "closed"] if is_all else ["open"], most=100)
    if as_json:
        say_json([asdict(one) for one in page.tickets])
        return
    if not page.tickets:
        say("no reports" if is_all or is_own else "no report waits; --all shows those that were answered")
        return
    rows = table("id", "state", "kind", "what", "by", "when")
    for one in page.tickets:
        state = "overdue" if one.is_overdue else one.state
        what = one.site or one.word or one.text[:60]
        cells = (state, one.kind, what, one.reporter, when(one.filed_us))
        rows.add_row(str(one.number), *map(Text, cells))
    out.print(rows)


def show(config: Path | None, number: int, *, as_json: bool) -> None:
    """One report."""
    one: TicketShown = ask(config, "ticket.show", number=number)
    if as_json:
        say_json(asdict(one))
        return
    say(f"report {one.number}: {one.kind}, {one.outcome or one.state}", "bold")
    for name, value in (("site", one.site), ("word", one.word), ("where", one.group), ("by", one.reporter)):
        if value:
            say(f"{name}: {value}")
    if one.text:
        say(one.text)
    print_steps(one.steps)


def file(config: Path | None, kind: str, text: str, site: str, word: str, group: str) -> None:
    """Files one."""
    one: TicketShown = ask(config, "ticket.file", kind=kind, text=text, site=site, word=word, group=group)
    say(f"report {one.number} is filed; answers: schoolgate tickets list --own")


def note_it(config: Path | None, number: int, text: str) -> None:
    """Adds a note."""
    ask(config, "ticket.note", number=number, text=text)
    say(f"report {number}: noted")


def close(config: Path | None, number: int, outcome: str, answer: str) -> None:
    """Closes one."""
    one: TicketShown = ask(config, "ticket.close", number=number, outcome=outcome, text=answer)
    say(f"report {number} is closed; {one.reporter} has the answer")


def print_steps(steps: Sequence[Any]) -> None:
    """What was done, with the place of each step in the audit log."""
    rows = table("when", "who", "what", "audit", "note")
    for one in steps:
        entry = "/".join(map(str, one.entry)) if one.entry else "-"
        rows.add_row(*map(Text, (when(one.at_us), one.name or "-", one.what, entry, one.note)))
    out.print(rows)


def when(at_us: int) -> str:
    """A moment on the school's clock."""
    return moment(dt.datetime.fromtimestamp(at_us // 1_000_000, dt.UTC).isoformat())
