"""The command line: arguments and help. What a command does is in `commands`, and loaded only when it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.account import account_app
from schoolgate.cli.alerts import alerts_app
from schoolgate.cli.audit import audit_app
from schoolgate.cli.backup import backup_app
from schoolgate.cli.calendar import calendar_app
from schoolgate.cli.cases import cases_app
from schoolgate.cli.check import check_app
from schoolgate.cli.devices import devices_app
from schoolgate.cli.exam import exam_app
from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.export import export_app
from schoolgate.cli.lists import feeds_app, lists_app
from schoolgate.cli.log import log_app
from schoolgate.cli.options import Approved, Config, Json
from schoolgate.cli.plain_words import PlainWords
from schoolgate.cli.report import report_app
from schoolgate.cli.request import request_app
from schoolgate.cli.review import action_app, evidence_app, register_app, review_app
from schoolgate.cli.sealed import sealed_app
from schoolgate.cli.setup import setup_app
from schoolgate.cli.tickets import tickets_app

LogLevel = Annotated[str, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")]
Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; kept with the revision.")]
Expected = Annotated[
    int | None,
    typer.Option(
        "--expected", metavar="N", help="Refuse unless revision N, which the file was made from, is the latest."
    ),
]

EXAMPLES = """Examples:

schoolgate run — start here: builds the lists, answers on 127.0.0.1 port 5300

schoolgate setup — from there to a filtering school: networks, policy, lists, accounts

schoolgate explain www.example.org --client 10.1.20.50 — why is it open or closed for that device?

schoolgate policy apply school.toml --reason "open the maths site" — change what is denied to whom

schoolgate check --config schoolgate.toml — read everything, change nothing, name every mistake"""

app = typer.Typer(
    name="schoolgate",
    cls=PlainWords,
    help="A DNS filter for schools: decides by network, and says why.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
policy_app = typer.Typer(no_args_is_help=True, help="What is denied to whom: every change is a revision with a reason.")
config_app = typer.Typer(no_args_is_help=True, help="The settings of the service itself.")
app.add_typer(policy_app, name="policy")
app.add_typer(lists_app, name="lists")
app.add_typer(feeds_app, name="feeds")
app.add_typer(sealed_app, name="sealed")
app.add_typer(log_app, name="log")
app.add_typer(alerts_app, name="alerts")
app.add_typer(devices_app, name="devices")
app.add_typer(cases_app, name="cases")
app.add_typer(tickets_app, name="tickets")
app.add_typer(audit_app, name="audit")
app.add_typer(backup_app, name="backup")
app.add_typer(account_app, name="account")
app.add_typer(setup_app, name="setup")
app.add_typer(config_app, name="config")
app.add_typer(export_app, name="export")
app.add_typer(report_app, name="report")
app.add_typer(check_app, name="check")
app.add_typer(review_app, name="review")
app.add_typer(register_app, name="register")
app.add_typer(action_app, name="action")
app.add_typer(evidence_app, name="evidence")
app.add_typer(request_app, name="request")
app.add_typer(calendar_app, name="calendar")
app.add_typer(exam_app, name="exam")


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from schoolgate.cli.commands.version import version

        version()
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", "-V", callback=_say_version, is_eager=True, help="Say which version this is.")
]


@app.callback()
def every_command(version: Version = False) -> None:
    """What stands before the name of a command."""


def _config(given: Path | None) -> Path | None:
    from schoolgate.cli.commands.config_file import config_path

    return config_path(given)


def _level(text: str) -> str:
    from schoolgate.telemetry import LEVELS

    if text not in LEVELS:
        raise typer.BadParameter(f"use one of: {', '.join(LEVELS)}", param_hint="--log-level")
    return text


@app.command(epilog="Then, in another terminal:\n\ndig @127.0.0.1 -p 5300 example.com")
def run(config: Config = None, log_level: LogLevel = "info") -> None:
    """Start everything on this machine: build the lists if there are none, then answer until Ctrl-C."""
    from schoolgate.cli.commands import serve as service

    service.run(_config(config), _level(log_level))


@app.command()
def serve(config: Config = None, log_level: LogLevel = "info") -> None:
    """Answer queries until stopped; for a service manager. Logs go to standard error, as JSON."""
    from schoolgate.cli.commands import serve as service

    service.serve(_config(config), _level(log_level))


@app.command()
def monitor(
    config: Config = None,
    log_level: LogLevel = "info",
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Watch the query log until stopped: detectors, alerts, upkeep. `run` starts it itself; a process of its own."""
    from schoolgate.cli.commands import monitor as watching

    watching.monitor(_config(config), _level(log_level), until_stdin_ends)


@app.command(epilog="[identity] in schoolgate.toml names its sources: none, and there is nothing to read.")
def identity(
    config: Config = None,
    log_level: LogLevel = "info",
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Read which device has an address, until stopped. `run` starts it itself; a process of its own."""
    from schoolgate.cli.commands import identity as naming

    naming.identity(_config(config), _level(log_level), until_stdin_ends)


@app.command()
def control(
    config: Config = None,
    log_level: LogLevel = "info",
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Do operations for people and keep the audit log, until stopped. `run` starts it itself; a process of its own."""
    from schoolgate.cli.commands import control as controlling

    controlling.control(_config(config), _level(log_level), until_stdin_ends)


@app.command(epilog="[console] in schoolgate.toml has its address, names and certificate.")
def console(
    config: Config = None,
    log_level: LogLevel = "info",
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Serve the web console until stopped. `run` starts it itself; a process of its own, which only asks `control`."""
    from schoolgate.cli.commands import console as serving

    serving.console(_config(config), _level(log_level), until_stdin_ends)


@app.command(epilog="schoolgate rights --json — for programs")
def rights(as_json: Json = False, config: Config = None) -> None:
    """Show who may do what: every operation and every role."""
    from schoolgate.cli.commands import control as controlling

    controlling.rights(_config(config), as_json)


@app.command()
def reload(
    accept: Annotated[
        bool, typer.Option("--accept", help="Also a configuration that lost whole sections, or its end.")
    ] = False,
    config: Config = None,
) -> None:
    """Have the running service read configuration, policy and lists anew. What is broken keeps all that is in force."""
    from schoolgate.cli.commands import serve as service

    service.reload(_config(config), accept)


@app.command(
    epilog="schoolgate explain games.example.net --client 10.1.20.50 --at 2026-11-23T12:30 — and in the lunch break?"
)
def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to decide, such as www.example.org.")],
    client: Annotated[str, typer.Option("--client", metavar="ADDRESS", help="The device that asks.")] = "127.0.0.1",
    type_: Annotated[str, typer.Option("--type", "-t", metavar="TYPE", help="The type of record.")] = "A",
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="At another time: 2026-11-23T12:30 (school's time zone), or with an offset."
        ),
    ] = None,
    asked: Annotated[
        str | None,
        typer.Option(
            "--asked",
            metavar="ADDRESS[:PORT]",
            help="The address of ours that is asked. Default: the first of server.listen.",
        ),
    ] = None,
    resolves: Annotated[
        bool | None,
        typer.Option(
            "--resolve/--no-resolve",
            help="Follow the answer as the server does: aliases, addresses, what it reveals; recorded nowhere. Default:"
            " where the service runs.",
        ),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Say why a name is open or closed for a device: network, policy, layer, category, list, rule, the rest."""
    from schoolgate.cli.commands import explain as explaining

    explaining.explain(_config(config), name, client, type_, at, asked, resolves, as_json)


@app.command(epilog="schoolgate query example.com AAAA --source 127.0.0.2 — as another client of this machine")
def query(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to ask for.")],
    type_: Annotated[str, typer.Argument(metavar="[TYPE]", help="The type of record.", show_default=True)] = "A",
    server: Annotated[
        str | None, typer.Option("--server", "-s", metavar="ADDRESS[:PORT]", help="Default: our own service.")
    ] = None,
    tcp: Annotated[bool, typer.Option("--tcp", help="Ask over TCP.")] = False,
    source: Annotated[
        str | None, typer.Option("--source", metavar="ADDRESS", help="Ask from this address of ours.")
    ] = None,
    config: Config = None,
) -> None:
    """Ask a DNS server one question, and show the answer with the reason a filter gives."""
    from schoolgate.cli.commands import query as querying

    querying.query(_config(config), name, type_, server, source, tcp)


@app.command(epilog=epilog("status"))
def status(
    as_json: Json = False,
    as_metrics: Annotated[
        bool, typer.Option("--metrics", help="Prometheus text, for node_exporter's textfile collector.")
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait.", min=0.1)] = 3.0,
    config: Config = None,
) -> None:
    """Say how the running service is: serials, ages, counters, forwarders."""
    from schoolgate.cli.commands import status as showing

    showing.status(_config(config), as_json, as_metrics, timeout)


@policy_app.command("apply", epilog='schoolgate policy apply school.toml --reason "open the maths site"')
def policy_apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy, in TOML; - reads standard input.")],
    reason: Reason,
    expected: Expected = None,
    request: Approved = None,
    config: Config = None,
) -> None:
    """Check a policy, store it as a new revision, and put it in force. With a mistake in it nothing changes."""
    from schoolgate.cli.commands import policy

    policy.apply(_config(config), file, reason, expected, request)


Segments = Annotated[
    list[str] | None,
    typer.Option("--segment", "-s", metavar="ID", help="For this network. May be repeated. Default: the whole school."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="14:30 today, or 2026-11-30T09:00: the school's time.")
]
Lasts = Annotated[str | None, typer.Option("--for", metavar="2h", help="So long: 30m, 2h, 7d.")]


@policy_app.command("block", epilog="schoolgate policy block games.example.net --segment pupils --for 2h")
def policy_block(
    name: Annotated[str, typer.Argument(metavar="NAME", help="With all below it; =NAME: itself only.")],
    segment: Segments = None,
    lasts: Lasts = None,
    until: Until = None,
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; kept with the revision.")] = "",
    config: Config = None,
) -> None:
    """Deny a name at once, for good or for a while, as a new revision. The rest of the policy text stays as it is."""
    from schoolgate.cli.commands import policy_quick

    policy_quick.block(_config(config), name, tuple(segment or ()), until, lasts, reason)


@policy_app.command("allow", epilog='schoolgate policy allow maths.example.net --until 14:30 --reason "lesson in 8b"')
def policy_allow(
    name: Annotated[str, typer.Argument(metavar="NAME", help="With all below it; =NAME: itself only.")],
    reason: Reason,
    segment: Segments = None,
    lasts: Lasts = None,
    until: Until = None,
    config: Config = None,
) -> None:
    """Open a name until a time, as a new revision: an exception that closes by itself. Locked names stay closed."""
    from schoolgate.cli.commands import policy_quick

    policy_quick.allow(_config(config), name, tuple(segment or ()), until, lasts, reason)


@policy_app.command("show", epilog="schoolgate policy show > school.toml — to edit and apply")
def policy_show(
    number: Annotated[int | None, typer.Argument(metavar="[N]", help="The revision. Default: the latest.")] = None,
    config: Config = None,
) -> None:
    """Print a revision as TOML."""
    from schoolgate.cli.commands import policy

    policy.show(_config(config), number)


@policy_app.command("diff", epilog="schoolgate policy diff school.toml — what would applying this file change?")
def policy_diff(
    old: Annotated[str | None, typer.Argument(metavar="[A]", help="A revision, or a file.")] = None,
    new: Annotated[str | None, typer.Argument(metavar="[B]", help="Another. Default: the latest revision.")] = None,
    config: Config = None,
) -> None:
    """Show what changed between two policies. Default: between the latest two revisions."""
    from schoolgate.cli.commands import policy

    policy.diff(_config(config), old, new)


@policy_app.command("log")
def policy_log(as_json: Json = False, config: Config = None) -> None:
    """List all revisions, newest first: who, when, why."""
    from schoolgate.cli.commands import policy

    policy.log(_config(config), as_json)


@policy_app.command("rollback")
def policy_rollback(
    number: Annotated[int, typer.Argument(metavar="N", help="The revision to go back to.")],
    reason: Reason,
    request: Approved = None,
    config: Config = None,
) -> None:
    """Put an older revision in force again, as a new revision."""
    from schoolgate.cli.commands import policy

    policy.rollback(_config(config), number, reason, request)


@policy_app.command(
    "repair", epilog="What is damaged is kept beside the new file. The policy in force does not change."
)
def policy_repair(
    file: Annotated[
        Path | None,
        typer.Option("--with", metavar="FILE", help="Begin anew with this policy, where all is lost."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Mend the policy database from the policy in force, or the active file from the database."""
    from schoolgate.cli.commands import policy

    policy.repair(_config(config), file, yes)


@policy_app.command("replay", epilog="schoolgate policy replay school.toml — what would it close of the last 30 days?")
def policy_replay(
    draft: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A policy. Default: the active one, for --serial.")
    ] = None,
    serial: Annotated[
        int | None, typer.Option("--serial", metavar="N", help="With these lists. Default: the current ones.")
    ] = None,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=366, help="How far back.")] = 30,
    most: Annotated[int, typer.Option("--most", metavar="N", min=0, help="Names shown of each kind.")] = 20,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what a draft policy, or other lists, would close and open of what was asked for. Changes nothing."""
    from schoolgate.cli.commands import replay

    replay.show(_config(config), draft, serial, days, most, as_json)


@policy_app.command("templates", epilog="schoolgate policy templates primary-school > school.toml")
def policy_templates(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this one.")] = None,
    config: Config = None,
) -> None:
    """List the policies that come with schoolgate, to start from."""
    from schoolgate.cli.commands import policy

    policy.templates(_config(config), name)


@config_app.command("sample", epilog="schoolgate config sample > schoolgate.toml")
def config_sample() -> None:
    """Print a settings file that names everything there is to set, at its default."""
    from schoolgate.cli.commands import configuration

    configuration.print_sample()
