"""The command line of reports by staff: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

tickets_app = typer.Typer(no_args_is_help=True, help="What staff report about the filter, and what came of it.")

Number = Annotated[int, typer.Argument(metavar="N", help="The number of the report.")]


class Kind(StrEnum):
    """What is reported."""

    accessed = "accessed"
    accessible = "accessible"
    failure = "failure"
    restriction = "restriction"
    wording = "wording"
    security = "security"


class Outcome(StrEnum):
    """What came of a report."""

    changed = "changed"
    stays = "stays"
    known = "known"
    passed_on = "passed-on"
    not_found = "not-found"


@tickets_app.command("list")
def tickets_list(
    every: Annotated[bool, typer.Option("--all", "-a", help="Answered ones too.")] = False,
    own: Annotated[bool, typer.Option("--own", help="Those that you filed instead.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List reports that wait for your roles, newest first."""
    from schoolgate.cli.commands import tickets

    tickets.show_list(config_of(config), is_all=every, is_own=own, as_json=as_json)


@tickets_app.command("show")
def tickets_show(number: Number, as_json: Json = False, config: Config = None) -> None:
    """Show one report, with what was done about it."""
    from schoolgate.cli.commands import tickets

    tickets.show(config_of(config), number, as_json=as_json)


@tickets_app.command("file", epilog='schoolgate tickets file accessible "chat with strangers" --site games.example.com')
def tickets_file(
    ticket_kind: Annotated[Kind, typer.Argument(metavar="KIND", help=", ".join(Kind))],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was seen.")] = "",
    site: Annotated[str, typer.Option("--site", metavar="NAME", help="Its name, or its address.")] = "",
    word: Annotated[str, typer.Option("--word", metavar="WORD", help="A word that gets past the filter.")] = "",
    group: Annotated[str, typer.Option("--group", metavar="WHERE", help="A class, a room or a network.")] = "",
    config: Config = None,
) -> None:
    """File a report; those who work on its kind are informed."""
    from schoolgate.cli.commands import tickets

    tickets.file(config_of(config), ticket_kind.value, text, site, word, group)


@tickets_app.command("note")
def tickets_note(
    number: Number, text: Annotated[str, typer.Argument(metavar="TEXT", help="What was done.")], config: Config = None
) -> None:
    """Note what was done, for those who work on it."""
    from schoolgate.cli.commands import tickets

    tickets.note_it(config_of(config), number, text)


@tickets_app.command("close")
def tickets_close(
    number: Number,
    ticket_outcome: Annotated[Outcome, typer.Argument(metavar="OUTCOME", help=", ".join(Outcome))],
    answer: Annotated[str, typer.Option("--answer", "-a", metavar="TEXT", help="Goes to the reporter.")] = "",
    config: Config = None,
) -> None:
    """Close a report; the outcome goes back to its reporter."""
    from schoolgate.cli.commands import tickets

    tickets.close(config_of(config), number, ticket_outcome.value, answer)
