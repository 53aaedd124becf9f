"""`calendar show | import | set | remove`: prints what the operations return."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.errors import SchoolgateError
from schoolgate.operations.governance.school_days import CalendarShown, EntryShown, ImportPlan

# More than an import takes, so that its refusal is the one that is seen.
MOST_READ_OCTETS = 1024 * 1024


class CalendarUnreadable(SchoolgateError):
    """The file cannot be read as text."""


def show(config: Path | None, *, is_all: bool, as_json: bool) -> None:
    """In the order of the days."""
    found: CalendarShown = ask(config, "calendar.show", is_all=is_all)
    if as_json:
        say_json(asdict(found))
        return
    if found.problem:
        note(found.problem, "yellow")
    if not found.entries:
        say("no terms or holidays are known; import them: schoolgate calendar import terms.ics")
        return
    today = found.today_words or ("a weekend" if found.is_closed else "an ordinary school day")
    say(f"today, {found.today}: {today}" + (", no pupils" if found.is_closed else ""))
    rows = table("id", "kind", "what", "first", "last")
    for one in found.entries:
        rows.add_row(*map(Text, (str(one.number), one.kind, one.title, str(one.first), str(one.last))))
    out.print(rows)


def import_file(
    config: Path | None, file: Path, otherwise: str | None, request: int | None, *, is_taken: bool, as_json: bool
) -> None:
    """Says what would change, or takes it."""
    operation, more = ("calendar.import", {"request": request}) if is_taken else ("calendar.preview", {})
    plan: ImportPlan = ask(config, operation, text=_text(file), otherwise=otherwise, **more)
    if as_json:
        say_json(asdict(plan))
        return
    for one in plan.entries:
        days = _days(one.first, one.last)
        say(f"{one.step}: {one.kind}, {one.title}, {days}" + (f" (was {one.before})" if one.before else ""))
    for left in plan.left_out:
        note(f"left out: {left.title}: {left.reason}", "yellow")
    if plan.left_out_count > len(plan.left_out):
        note(f"and {plan.left_out_count - len(plan.left_out)} more left out", "yellow")
    counts = f"{len(plan.entries)} change, {plan.same} are there already, {plan.left_out_count} left out"
    say(f"taken: {counts}" if plan.is_taken else f"nothing is taken yet: {counts}; take it with --take")


def set_entry(
    config: Path | None, kind: str, title: str, first: str, last: str | None, number: int | None, version: int | None,
    request: int | None,
) -> None:  # fmt: skip
    """Adds or changes one."""
    given = {"kind": kind, "title": title, "first": first, "last": last, "number": number, "version": version}
    one: EntryShown = ask(config, "calendar.set", **given, request=request)
    say(f"entry {one.number}: {one.kind}, {one.title}, {_days(one.first, one.last)}")


def remove(config: Path | None, number: int, version: int | None, request: int | None) -> None:
    """Takes one out."""
    one: EntryShown = ask(config, "calendar.remove", number=number, version=version, request=request)
    say(f"entry {one.number} is removed: {one.title}")


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_READ_OCTETS).decode("utf-8-sig")
    except OSError as error:
        raise CalendarUnreadable(f"{file}: {(error.strerror or str(error)).lower()}; check the path") from error
    except UnicodeDecodeError as error:
        raise CalendarUnreadable(f"{file}: is not text in UTF-8; export the calendar anew as .ics") from error


def _days(first: dt.date, last: dt.date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
