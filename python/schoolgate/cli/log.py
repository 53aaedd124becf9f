"""The command line of the query log: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schoolgate.cli.options import Config, Json, config_of

if TYPE_CHECKING:
    from schoolgate.cli.commands.log_rows import Filters

log_app = typer.Typer(no_args_is_help=True, help="The query log: who asked for what, and what became of it.")

TIME_HELP = "ISO time, 09:30, today or yesterday; on the school's clock unless it has an offset."
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help=f"From then on. {TIME_HELP}")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to then.")]
Last = Annotated[str | None, typer.Option("--last", metavar="2h", help="Only so long ago: 30m, 2h, 7d, 2w.")]
Client = Annotated[
    str | None, typer.Option("--client", metavar="ADDRESS|PSEUDONYM", help="One device, as address or pseudonym.")
]
Segments = Annotated[list[str] | None, typer.Option("--segment", metavar="ID", help="May be repeated, as all below.")]
Policies = Annotated[list[str] | None, typer.Option("--policy", metavar="ID", help="The policy that decided.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="This name and all below it.")]
Exact = Annotated[str | None, typer.Option("--exact", metavar="NAME", help="This name only.")]
Contains = Annotated[str | None, typer.Option("--contains", metavar="TEXT", help="Names with this in them.")]
Categories = Annotated[list[str] | None, typer.Option("--category", metavar="ID", help="The category decided by.")]
Layers = Annotated[list[str] | None, typer.Option("--layer", metavar="LAYER", help="The layer of the decision.")]
Types = Annotated[list[str] | None, typer.Option("--type", "-t", metavar="TYPE", help="A, AAAA, HTTPS, ...")]
Checks = Annotated[bool, typer.Option("--with-checks", help="Also what the hourly checks of this server asked.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, safe to open in a spreadsheet.")]
Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; kept with the record.")]


class Verdict(StrEnum):
    """What became of a query."""

    allow = "allow"
    deny = "deny"
    deny_revealed = "deny-revealed"
    rewrite = "rewrite"
    fail = "fail"


class RowSource(StrEnum):
    """Where an answer came from."""

    policy = "policy"
    local = "local"
    cache = "cache"
    stale = "stale"
    forwarder = "forwarder"
    nobody = "nobody"


class Kept(StrEnum):
    """How long rows are kept."""

    ordinary = "ordinary"
    safeguarding = "safeguarding"


class What(StrEnum):
    """What can be counted."""

    names = "names"
    domains = "domains"
    categories = "categories"
    clients = "clients"
    segments = "segments"
    rules = "rules"
    layers = "layers"


Verdicts = Annotated[list[Verdict] | None, typer.Option("--verdict", help="What became of the query.")]
Sources = Annotated[list[RowSource] | None, typer.Option("--source", help="Where the answer came from.")]
Class_ = Annotated[Kept | None, typer.Option("--class", help="Ordinary rows, or those kept for safeguarding.")]


def _filters(**given: Any) -> Filters:
    from schoolgate.cli.commands.log_rows import Filters

    for name in ("segments", "policies", "categories", "actions", "layers", "sources", "types"):
        given[name] = tuple(map(str, given.get(name) or ()))
    return Filters(**given)


def _form(as_json: bool, as_csv: bool) -> str:
    if as_json and as_csv:
        raise typer.BadParameter("use --json or --csv, not both", param_hint="--csv")
    return "json" if as_json else "csv" if as_csv else "table"


@log_app.command("search", epilog="schoolgate log search --client 10.1.20.50 --last 2h --verdict deny")
def log_search(
    since: From = None,
    until: To = None,
    last: Last = None,
    client: Client = None,
    segment: Segments = None,
    policy: Policies = None,
    name: Name = None,
    exact: Exact = None,
    contains: Contains = None,
    category: Categories = None,
    verdict: Verdicts = None,
    layer: Layers = None,
    source: Sources = None,
    class_: Class_ = None,
    type_: Types = None,
    with_checks: Checks = False,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="Rows shown.")] = 50,
    after: Annotated[
        str | None, typer.Option("--after", metavar="CURSOR", help="Go on where an earlier search ended.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
    config: Config = None,
) -> None:
    """Find queries, newest first. Filters are joined by "and"; one that is repeated by "or"."""
    from schoolgate.cli.commands import log_rows

    filters = _filters(
        since=since, until=until, last=last, client=client, segments=segment, policies=policy, name=name, exact=exact,
        contains=contains, categories=category, actions=verdict, layers=layer, sources=source, class_=class_,
        types=type_, with_checks=with_checks,
    )  # fmt: skip
    log_rows.search(config_of(config), filters, most, after, _form(as_json, as_csv))


@log_app.command("tail", epilog="schoolgate log tail --segment pupils --verdict deny")
def log_tail(
    client: Client = None,
    segment: Segments = None,
    policy: Policies = None,
    name: Name = None,
    exact: Exact = None,
    contains: Contains = None,
    category: Categories = None,
    verdict: Verdicts = None,
    layer: Layers = None,
    source: Sources = None,
    class_: Class_ = None,
    type_: Types = None,
    with_checks: Checks = False,
    as_json: Json = False,
    as_csv: Csv = False,
    config: Config = None,
) -> None:
    """Show queries as they come, until Ctrl-C."""
    from schoolgate.cli.commands import log_rows

    filters = _filters(
        client=client, segments=segment, policies=policy, name=name, exact=exact, contains=contains,
        categories=category, actions=verdict, layers=layer, sources=source, class_=class_, types=type_,
        with_checks=with_checks,
    )  # fmt: skip
    log_rows.tail(config_of(config), filters, _form(as_json, as_csv))


@log_app.command("top", epilog="schoolgate log top domains --segment pupils --last 7d --verdict deny")
def log_top(
    what: Annotated[What, typer.Argument(help="What to count.")] = What.names,
    since: From = None,
    until: To = None,
    last: Last = None,
    client: Client = None,
    segment: Segments = None,
    policy: Policies = None,
    name: Name = None,
    contains: Contains = None,
    category: Categories = None,
    verdict: Verdicts = None,
    layer: Layers = None,
    source: Sources = None,
    class_: Class_ = None,
    type_: Types = None,
    with_checks: Checks = False,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="Values shown.")] = 20,
    as_json: Json = False,
    as_csv: Csv = False,
    config: Config = None,
) -> None:
    """Show what comes most often. Names of sealed lists, and rows that were only counted, are left out."""
    from schoolgate.cli.commands import log_rows

    filters = _filters(
        since=since, until=until, last=last, client=client, segments=segment, policies=policy, name=name,
        contains=contains, categories=category, actions=verdict, layers=layer, sources=source, class_=class_,
        types=type_, with_checks=with_checks,
    )  # fmt: skip
    log_rows.top(config_of(config), what.value, filters, most, _form(as_json, as_csv))


@log_app.command("export", epilog='schoolgate log export --client 10.1.20.50 --reason "request 7" --out rows.csv --csv')
def log_export(
    client: Annotated[str, typer.Option("--client", metavar="ADDRESS|PSEUDONYM", help="Whose rows.")],
    file: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="A new file; only you can read it.")],
    reason: Reason,
    since: From = None,
    until: To = None,
    last: Last = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, safe for a spreadsheet. Default: JSON lines.")] = False,
    as_text: Annotated[bool, typer.Option("--text", help="Words, for the person who asked for access.")] = False,
    config: Config = None,
) -> None:
    """Write everything the log and the alerts hold of one client to a file: JSON lines for a program, --text for a
    person. CSV has the rows of the log alone."""
    from schoolgate.cli.commands import log_access

    filters = _filters(since=since, until=until, last=last)
    log_access.export(
        config_of(config), client, reason, filters, file, "csv" if as_csv else "text" if as_text else "json"
    )


@log_app.command("erase", epilog='schoolgate log erase --client 10.1.20.50 --reason "request of 12 November"')
def log_erase(
    client: Annotated[str, typer.Option("--client", metavar="ADDRESS|PSEUDONYM", help="Whose rows.")],
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    safeguarding: Annotated[
        bool, typer.Option("--safeguarding-too", help="With --yes: rows that matter for safeguarding go as well.")
    ] = False,
    config: Config = None,
) -> None:
    """Erase every row of a client up to now, and its traces in alerts. A hold on one of its alerts forbids that. Rows
    that matter for safeguarding need a second confirmation."""
    from schoolgate.cli.commands import log_care

    log_care.erase(config_of(config), client, reason, yes, safeguarding)


@log_app.command("reveal")
def log_reveal(
    pseudonym: Annotated[str, typer.Argument(metavar="PSEUDONYM", help="As the log shows it: p-...")],
    reason: Reason,
    config: Config = None,
) -> None:
    """Say which address a pseudonym stands for. Who asked, when and why is recorded first."""
    from schoolgate.cli.commands import log_care

    log_care.reveal(config_of(config), pseudonym, reason)


@log_app.command("status")
def log_status(as_json: Json = False, config: Config = None) -> None:
    """Show how many rows there are, since when, what they take of the disk, and how long they are kept."""
    from schoolgate.cli.commands import log_care

    log_care.status(config_of(config), as_json)


@log_app.command("maintain")
def log_maintain(config: Config = None) -> None:
    """Convert, compact and erase what is due. The monitor does this all day; use it where no monitor runs."""
    from schoolgate.cli.commands import log_care

    log_care.maintain(config_of(config))
