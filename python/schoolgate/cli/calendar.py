"""The command line of the school's calendar: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.options import Approved, Config, Json, config_of

calendar_app = typer.Typer(no_args_is_help=True, help="Terms, holidays, inset days, exams: what kind of day it is.")

Version = Annotated[int | None, typer.Option("--version", metavar="N", help="Refuse unless this one is the latest.")]


class DayKind(StrEnum):
    """What kind of days."""

    term = "term"
    holiday = "holiday"
    inset = "inset"
    exam = "exam"


@calendar_app.command("show")
def calendar_show(
    every: Annotated[bool, typer.Option("--all", "-a", help="From its beginning, not of the last two months.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the school's calendar, and what kind of day today is."""
    from schoolgate.cli.commands import calendar

    calendar.show(config_of(config), is_all=every, as_json=as_json)


@calendar_app.command("import", epilog="schoolgate calendar import terms.ics — look first, then again with --take")
def calendar_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An iCalendar file (.ics).")],
    otherwise: Annotated[
        DayKind | None, typer.Option("--as", help="What events are whose words say no kind, such as bank holidays.")
    ] = None,
    take: Annotated[bool, typer.Option("--take", help="Take it; without it, only say what would change.")] = False,
    request: Approved = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Read terms and holidays from an iCalendar file; the same file again changes nothing."""
    from schoolgate.cli.commands import calendar

    kind = otherwise.value if otherwise is not None else None
    calendar.import_file(config_of(config), file, kind, request, is_taken=take, as_json=as_json)


@calendar_app.command("set", epilog='schoolgate calendar set holiday "Autumn half term" 2026-10-26 2026-10-30')
def calendar_set(
    day_kind: Annotated[DayKind, typer.Argument(metavar="KIND", help=", ".join(DayKind))],
    title: Annotated[str, typer.Argument(metavar="TITLE", help="As people call it.")],
    first: Annotated[str, typer.Argument(metavar="DAY", help="The first day, as 2026-10-26.")],
    last: Annotated[str | None, typer.Argument(metavar="DAY", help="The last day, included.")] = None,
    number: Annotated[int | None, typer.Option("--number", metavar="N", help="Change this entry instead.")] = None,
    version: Version = None,
    request: Approved = None,
    config: Config = None,
) -> None:
    """Write a term, a holiday, an inset day or days of exams."""
    from schoolgate.cli.commands import calendar

    calendar.set_entry(config_of(config), day_kind.value, title, first, last, number, version, request)


@calendar_app.command("remove")
def calendar_remove(
    number: Annotated[int, typer.Argument(metavar="N", help="The number of the entry.")],
    version: Version = None,
    request: Approved = None,
    config: Config = None,
) -> None:
    """Take an entry out; it stays on record."""
    from schoolgate.cli.commands import calendar

    calendar.remove(config_of(config), number, version, request)
