"""The command line of reports: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

report_app = typer.Typer(no_args_is_help=True, help="What was blocked and for whom, in plain English.")


class Reader(StrEnum):
    """Whom it is for."""

    it = "it"
    safeguarding = "safeguarding"
    governors = "governors"


class Form(StrEnum):
    """How it is written."""

    text = "text"
    html = "html"
    json = "json"


For = Annotated[
    Reader,
    typer.Option("--for", help="it: sites, health. safeguarding: devices as pseudonyms too. governors: neither."),
]
Segments = Annotated[
    list[str] | None,
    typer.Option("--segment", metavar="ID", help="This network only. May be repeated. Default: the whole school."),
]
Written = Annotated[Form, typer.Option("--format", help="How it is written.")]
Of = Annotated[
    str | None,
    typer.Option("--of", metavar="DAY", help="The one that holds this day (2026-11-20). Default: the last complete."),
]
Keep = Annotated[bool, typer.Option("--keep", help="Write it as HTML to the directory of reports; print the path.")]


def _report(
    kind: str, reader: Reader, segments: list[str] | None, form: Form, of: str | None, keep: bool, config: Config
) -> None:
    from schoolgate.cli.commands import report

    report.report(config_of(config), kind, reader.value, tuple(segments or ()), form.value, of, keep=keep)


@report_app.command("daily", epilog="schoolgate report daily --for it --of 2026-11-20")
def report_daily(
    reader: For = Reader.it,
    segment: Segments = None,
    form: Written = Form.text,
    of: Of = None,
    keep: Keep = False,
    config: Config = None,
) -> None:
    """Report on a day. Default: yesterday."""
    _report("daily", reader, segment, form, of, keep, config)


@report_app.command("weekly", epilog="schoolgate report weekly --for safeguarding --format html > week.html")
def report_weekly(
    reader: For = Reader.it,
    segment: Segments = None,
    form: Written = Form.text,
    of: Of = None,
    keep: Keep = False,
    config: Config = None,
) -> None:
    """Report on a week, Monday to Sunday. Default: last week."""
    _report("weekly", reader, segment, form, of, keep, config)


@report_app.command("termly", epilog="schoolgate report termly --for governors --format html > term.html")
def report_termly(
    reader: For = Reader.governors,
    segment: Segments = None,
    form: Written = Form.text,
    of: Of = None,
    keep: Keep = False,
    config: Config = None,
) -> None:
    """Report on a term (reports.terms says when they begin). Default: last term."""
    _report("termly", reader, segment, form, of, keep, config)


@report_app.command("list")
def report_list(as_json: Json = False, config: Config = None) -> None:
    """List the reports that are kept, newest first."""
    from schoolgate.cli.commands import report

    report.show(config_of(config), as_json)
