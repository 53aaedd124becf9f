"""The command line of cases: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

cases_app = typer.Typer(no_args_is_help=True, help="Concerns that are followed up: opened, judged, closed.")

Number = Annotated[int, typer.Argument(metavar="N", help="The number of the case.")]
Words = Annotated[str, typer.Argument(metavar="TEXT", help="Kept with the case for good.")]


class Outcome(StrEnum):
    """What came of a case."""

    no_concern = "no-concern"
    false_alarm = "false-alarm"
    spoken_to = "spoken-to"
    parents = "parents"
    referral = "referral"
    prevent = "prevent"
    police = "police"
    technical = "technical"


@cases_app.command("list", epilog="schoolgate cases list --summary — how many alerts were false?")
def cases_list(
    every: Annotated[bool, typer.Option("--all", "-a", help="Closed ones too.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Alerts, false ones, outcomes of cases.")] = False,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Of the summary.", min=1, max=3660)] = 30,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List open cases that you may see, newest first."""
    from schoolgate.cli.commands import cases

    if summary:
        cases.summary(config_of(config), days, as_json=as_json)
    else:
        cases.show_list(config_of(config), is_all=every, as_json=as_json)


@cases_app.command("show")
def cases_show(number: Number, as_json: Json = False, config: Config = None) -> None:
    """Show one case with its steps and alerts; the look is on record."""
    from schoolgate.cli.commands import cases

    cases.show(config_of(config), number, as_json=as_json)


@cases_app.command("open", epilog='schoolgate cases open --alert 12 --alert 14 --note "two in an hour"')
def cases_open(
    alerts: Annotated[list[int] | None, typer.Option("--alert", metavar="N", help="An alert; may be repeated.")] = None,
    ticket: Annotated[int | None, typer.Option("--report", metavar="N", help="A report by staff.")] = None,
    text: Annotated[str, typer.Option("--note", "-n", metavar="TEXT", help="What is known so far.")] = "",
    expected: Annotated[bool, typer.Option("--expected", help="It belongs to a lesson.")] = False,
    config: Config = None,
) -> None:
    """Open a case; its alerts are passed on to no one else."""
    from schoolgate.cli.commands import cases

    cases.open_case(config_of(config), alerts or [], ticket, text, is_expected=expected)


@cases_app.command("note")
def cases_note(
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was done.")] = "",
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="TEXT", help="Its number in the school's case system.")
    ] = None,
    config: Config = None,
) -> None:
    """Note what was done."""
    from schoolgate.cli.commands import cases

    cases.note_it(config_of(config), number, text, reference)


@cases_app.command("judge")
def cases_judge(number: Number, text: Words, config: Config = None) -> None:
    """Write what the safeguarding lead found."""
    from schoolgate.cli.commands import cases

    cases.judge(config_of(config), number, text)


@cases_app.command("close")
def cases_close(
    number: Number,
    case_outcome: Annotated[Outcome, typer.Argument(metavar="OUTCOME", help=", ".join(Outcome))],
    text: Annotated[str, typer.Option("--note", "-n", metavar="TEXT", help="Kept with the case.")] = "",
    config: Config = None,
) -> None:
    """Close a case and its alerts."""
    from schoolgate.cli.commands import cases

    cases.close(config_of(config), number, case_outcome.value, text)


@cases_app.command("send", epilog="schoolgate cases send 3 cpoms")
def cases_send(
    number: Number,
    webhook: Annotated[str, typer.Argument(metavar="ID", help="A webhook of the settings.")] = "",
    post: Annotated[
        str, typer.Option("--post", metavar="POST", help="Pass it to a post of [escalation]: it gets the number alone.")
    ] = "",
    config: Config = None,
) -> None:
    """Send a case to a case system, without a device; or pass it to a post."""
    from schoolgate.cli.commands import cases

    cases.send(config_of(config), number, webhook, post)
