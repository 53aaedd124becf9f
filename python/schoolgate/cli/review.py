"""The command line of reviews, registers, actions and evidence: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

review_app = typer.Typer(no_args_is_help=True, help="Reviews of filtering and monitoring; people sign in the console.")
register_app = typer.Typer(
    no_args_is_help=True, help="Posts, training, notices, suppliers, risks, decisions, meetings."
)
action_app = typer.Typer(no_args_is_help=True, help="What is to be done, by whom and by when.")
evidence_app = typer.Typer(no_args_is_help=True, help="What a school shows to governors and inspectors, measured.")


class RegisterKind(StrEnum):
    """A register."""

    responsibility = "responsibility"
    training = "training"
    aup_notice = "aup_notice"
    supplier = "supplier"
    risk = "risk"
    decision = "decision"
    meeting = "meeting"


Number = Annotated[int, typer.Argument(metavar="N", help="Its number.", min=1)]
Kind = Annotated[RegisterKind, typer.Argument(metavar="KIND", help=f"One of: {', '.join(RegisterKind)}.")]


@review_app.command("list")
def review_list(as_json: Json = False, config: Config = None) -> None:
    """List reviews, newest first."""
    from schoolgate.cli.commands import reviews

    reviews.list_reviews(config_of(config), as_json)


@review_app.command("show", epilog="schoolgate review show 3")
def review_show(number: Number, as_json: Json = False, config: Config = None) -> None:
    """Print one review, with where each prefilled text comes from."""
    from schoolgate.cli.commands import reviews

    reviews.show_review(config_of(config), number, as_json)


@review_app.command("export", epilog="schoolgate review export 3 > review-3.json")
def review_export(number: Number, config: Config = None) -> None:
    """Print one review as JSON, with its signatures and actions."""
    from schoolgate.cli.commands import reviews

    reviews.export_review(config_of(config), number)


@register_app.command("list", epilog="schoolgate register list training")
def register_list(
    kind: Annotated[
        RegisterKind | None, typer.Argument(metavar="[KIND]", help="One register. Default: all, counted.")
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Also lines that ended.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List registers, or the lines of one."""
    from schoolgate.cli.commands import reviews

    reviews.list_register(config_of(config), None if kind is None else kind.value, is_all, as_json)


@register_app.command("export", epilog="schoolgate register export risk > risks.csv")
def register_export(kind: Kind, config: Config = None) -> None:
    """Print a register as CSV."""
    from schoolgate.cli.commands import reviews

    reviews.export_register(config_of(config), kind.value)


@register_app.command("decisions")
def register_decisions(as_json: Json = False, config: Config = None) -> None:
    """List what the policy decides: why, who answers for it, when to look again; what is missing comes first."""
    from schoolgate.cli.commands import reviews

    reviews.list_decisions(config_of(config), as_json)


@action_app.command("list")
def action_list(
    is_all: Annotated[bool, typer.Option("--all", help="Also those that are done.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List actions, newest first."""
    from schoolgate.cli.commands import reviews

    reviews.list_actions(config_of(config), is_all, as_json)


@action_app.command("calendar")
def action_calendar(
    days: Annotated[int, typer.Option("--days", metavar="N", min=0, max=3660, help="So far ahead.")] = 60,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List everything that is overdue or due soon, of every kind."""
    from schoolgate.cli.commands import reviews

    reviews.calendar(config_of(config), days, as_json)


@action_app.command("add", epilog='schoolgate action add "Test the guest network" --owner IT --by 2026-12-18')
def action_add(
    what: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be done.")],
    owner: Annotated[str, typer.Option("--owner", metavar="TEXT", help="A post or a person.")],
    by: Annotated[str, typer.Option("--by", metavar="DAY", help="By when: 2026-12-18.")],
    origin: Annotated[
        str, typer.Option("--from", metavar="WHAT", help="review, check, case, validator, meeting, risk or other.")
    ] = "other",
    config: Config = None,
) -> None:
    """Keep an action, such as a finding of an external validator."""
    from schoolgate.cli.commands import reviews

    reviews.add_action(config_of(config), what, owner, by, origin)


@evidence_app.command("make", epilog="schoolgate evidence make --to evidence.pdf")
def evidence_make(
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Also write the PDF here.")] = None,
    config: Config = None,
) -> None:
    """Make an evidence pack as PDF, and keep it with its digest in the audit log."""
    from schoolgate.cli.commands import reviews

    reviews.make_evidence(config_of(config), to)


@evidence_app.command("list")
def evidence_list(as_json: Json = False, config: Config = None) -> None:
    """List the packs that are kept, newest first."""
    from schoolgate.cli.commands import reviews

    reviews.list_evidence(config_of(config), as_json)


@evidence_app.command("service", epilog="schoolgate evidence service 2026-11 --to service.pdf")
def evidence_service(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-11. Default: the last whole one.")] = "",
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Also write it as PDF here.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Report how the service was in a month: availability, ages of lists, time until alerts were seen, false alarms.

    Measured by this system alone, and without names. A row that nothing measured says so.
    """
    from schoolgate.cli.commands import reviews

    reviews.show_service(config_of(config), month or None, to, as_json)
