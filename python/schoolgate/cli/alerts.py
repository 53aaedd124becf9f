"""The command line of alerts: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

alerts_app = typer.Typer(no_args_is_help=True, help="What recipients should know of: seen, acknowledged, closed.")

Number = Annotated[int, typer.Argument(metavar="N", help="The number of the alert.")]
Note = Annotated[str, typer.Option("--note", "-n", metavar="TEXT", help="Kept with the alert for good.")]


Hold = Annotated[
    str | None,
    typer.Option("--hold", metavar="REASON", help="Nothing of it may be erased: it is evidence. `release` ends that."),
]


class Outcome(StrEnum):
    """What came of an alert."""

    concern = "concern"
    false_alarm = "false-alarm"
    expected_lesson = "expected-lesson"
    known_person = "known-person"
    other = "other"


@alerts_app.command("list", epilog="schoolgate alerts list --summary — how many were false alarms?")
def alerts_list(
    every: Annotated[bool, typer.Option("--all", "-a", help="Closed ones too.")] = False,
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Questions of `sealed selftest` instead; they are never sent.")
    ] = False,
    undelivered: Annotated[bool, typer.Option("--undelivered", help="Messages that did not arrive, and why.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Counts, outcomes, false alarms of each rule.")] = False,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Of the summary.", min=1, max=3660)] = 30,
    most: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.", min=1, max=100_000)] = 100,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List open alerts, newest first."""
    from schoolgate.cli.commands import alerts

    if undelivered:
        alerts.undelivered(config_of(config), as_json)
    elif summary:
        alerts.summary(config_of(config), days, as_json)
    else:
        alerts.list_alerts(config_of(config), every, most, as_json, selftest)


@alerts_app.command("show")
def alerts_show(number: Number, as_json: Json = False, config: Config = None) -> None:
    """Show an alert: its evidence, and who did what about it."""
    from schoolgate.cli.commands import alerts

    alerts.show(config_of(config), number, as_json)


@alerts_app.command("ack", epilog='schoolgate alerts ack 12 --note "I speak with the class teacher"')
def alerts_ack(number: Number, note: Note = "", hold: Hold = None, config: Config = None) -> None:
    """Acknowledge an alert: it is not escalated to others then."""
    from schoolgate.cli.commands import alerts

    alerts.acknowledge(config_of(config), number, note, hold)


@alerts_app.command("close", epilog='schoolgate alerts close 12 --outcome expected-lesson --note "history, year 9"')
def alerts_close(
    number: Number,
    outcome: Annotated[Outcome, typer.Option("--outcome", "-o", help="What came of it.")],
    note: Note = "",
    hold: Hold = None,
    config: Config = None,
) -> None:
    """Say what came of it. Outcomes show which rules cry wolf."""
    from schoolgate.cli.commands import alerts

    alerts.close(config_of(config), number, str(outcome), note, hold)


@alerts_app.command("hold", epilog='schoolgate alerts hold 12 --reason "police, reference 4711"')
def alerts_hold(
    number: Number,
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; kept with the alert.")],
    config: Config = None,
) -> None:
    """Keep an alert as evidence: nothing of it is erased, and `log erase` refuses its device."""
    from schoolgate.cli.commands import alerts

    alerts.hold(config_of(config), number, reason)


@alerts_app.command("release")
def alerts_release(number: Number, config: Config = None) -> None:
    """End the hold of an alert."""
    from schoolgate.cli.commands import alerts

    alerts.release(config_of(config), number)


@alerts_app.command("test", epilog="schoolgate alerts test webhook:teams")
def alerts_test(
    recipient: Annotated[str, typer.Argument(metavar="RECIPIENT", help="A mail address, or webhook:ID.")],
    config: Config = None,
) -> None:
    """Send a test message now, and say what fails."""
    from schoolgate.cli.commands import alerts

    alerts.test(config_of(config), recipient)


@alerts_app.command("digest", epilog="schoolgate alerts digest --day 2026-11-23")
def alerts_digest(
    day: Annotated[str | None, typer.Option("--day", metavar="DATE", help="Default: yesterday.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the daily digest: all blocked questions of a day, counted, and what each rule has."""
    from schoolgate.cli.commands import alerts

    alerts.digest(config_of(config), day, as_json)


@alerts_app.command("export", epilog="schoolgate alerts export --days 90 > alerts.jsonl")
def alerts_export(
    days: Annotated[int | None, typer.Option("--days", metavar="N", help="Of the last N days. Default: all.")] = None,
    config: Config = None,
) -> None:
    """Print alerts with their history, one JSON object a line."""
    from schoolgate.cli.commands import alerts

    alerts.export(config_of(config), days)
