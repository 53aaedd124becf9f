"""The command line of exam mode: arguments and help."""

from __future__ import annotations

from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

exam_app = typer.Typer(no_args_is_help=True, help="Exam mode: a stricter policy for a while, with an end.")

Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; kept with the revision.")]


@exam_app.command("show")
def exam_show(as_json: Json = False, config: Config = None) -> None:
    """Show exam mode that is on, and that is planned."""
    from schoolgate.cli.commands import exam

    exam.show(config_of(config), as_json=as_json)


@exam_app.command("begin", epilog='schoolgate exam begin --segment pupils --for 3h --reason "GCSE maths, hall"')
def exam_begin(
    segment: Annotated[
        list[str], typer.Option("--segment", "-s", metavar="ID", help="For this segment. May be repeated.")
    ],
    reason: Reason,
    lasts: Annotated[str | None, typer.Option("--for", metavar="3h", help="So long: 90m, 3h, 5d.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="14:30, or 2026-06-18T12:00: the school's time.")
    ] = None,
    starts: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Default: now.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="ID", help="Default: the segment's own, with more closed.")
    ] = None,
    config: Config = None,
) -> None:
    """Put segments under a stricter policy; it ends by itself, and may only tighten."""
    from schoolgate.cli.commands import exam

    exam.begin(config_of(config), tuple(segment), reason, lasts, until, starts, policy)


@exam_app.command("end", epilog='schoolgate exam end --segment pupils --reason "the exam is over"')
def exam_end(
    reason: Reason,
    segment: Annotated[
        list[str] | None, typer.Option("--segment", "-s", metavar="ID", help="Of this segment. Default: of all.")
    ] = None,
    config: Config = None,
) -> None:
    """End exam mode before its time, planned ones too."""
    from schoolgate.cli.commands import exam

    exam.end(config_of(config), tuple(segment or ()), reason)
