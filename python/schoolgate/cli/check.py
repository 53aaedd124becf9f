"""The command line of the checks: arguments and help. `check` alone reads configuration, lists and policy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Config, Json, config_of

check_app = typer.Typer(
    invoke_without_command=True, help="Read configuration, lists and policy; or check what must work."
)


Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The number of the check, as `check list` shows it.")]


class CheckResult(StrEnum):
    """What a check found."""

    passed = "passed"
    failed = "failed"


class DeviceKind(StrEnum):
    """Whose device it was."""

    owned = "owned"
    personal = "personal"
    guest = "guest"


def _config(context: typer.Context, given: Path | None) -> Path | None:
    """`check --config FILE reachability` means the same as `check reachability --config FILE`."""
    return config_of(given if given is not None else context.obj)


@check_app.callback(
    invoke_without_command=True, epilog="schoolgate check --policy new-policy.toml — before you apply it"
)
def check(
    context: typer.Context,
    config: Config = None,
    policy: Annotated[Path | None, typer.Option("--policy", "-p", metavar="FILE", help="Check this policy.")] = None,
) -> None:
    """Read configuration, lists and policy, change nothing, and name every mistake with its place."""
    context.obj = config
    if context.invoked_subcommand is None:
        from schoolgate.cli.commands import configuration

        configuration.check(config_of(config), policy)
    elif policy is not None:
        raise typer.BadParameter("goes with `schoolgate check` alone", param_hint="--policy")


@check_app.command(
    "reachability",
    epilog=epilog("check reachability"),
)
def check_reachability(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Decide only; ask the running service nothing.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Decide every help line, exam board, update and sign-in name under every policy, resolve them, and say what is
    closed that must be open."""
    from schoolgate.cli.commands import checks

    raise typer.Exit(checks.reachability(_config(context, config), as_json, offline))


@check_app.command("safesearch", epilog=epilog("check safesearch"))
def check_safesearch(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Ask the forwarders whether each host that a search engine is locked to still has an address."""
    from schoolgate.cli.commands import checks

    raise typer.Exit(checks.safesearch(_config(context, config), as_json))


@check_app.command("run", epilog=epilog("check run"))
def check_run(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", "-a", help="Show what came back as it should, too.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Ask from inside each network, as a device there would, and compare with what the policy says. The result is
    recorded. `schoolgate control` does the same each hour."""
    from schoolgate.cli.commands import recorded_checks

    raise typer.Exit(recorded_checks.run(_config(context, config), as_json, every))


@check_app.command(
    "record",
    epilog="schoolgate check record passed --tested 'ten names of the table' --device personal --system Android"
    " --place 'Sixth form' --group pupils",
)
def check_record(
    context: typer.Context,
    result: Annotated[CheckResult, typer.Argument(help="What came of it.")],
    tested: Annotated[str, typer.Option("--tested", "-t", metavar="WORDS", help="What was tested.")],
    device: Annotated[DeviceKind, typer.Option("--device", "-d", help="Whose device it was.")],
    system: Annotated[str, typer.Option("--system", metavar="WORDS", help="Its operating system or model.")] = "",
    off_site: Annotated[bool, typer.Option("--off-site", help="It was not on the school's network.")] = False,
    place: Annotated[str, typer.Option("--place", metavar="WORDS", help="Where: a site, a building, a room.")] = "",
    group: Annotated[str, typer.Option("--group", metavar="WORDS", help="For whom: pupils, staff, guests.")] = "",
    line: Annotated[str, typer.Option("--line", metavar="WORDS", help="The internet line that was checked.")] = "",
    findings: Annotated[str, typer.Option("--findings", metavar="WORDS", help="What was found.")] = "",
    action: Annotated[
        list[str] | None,
        typer.Option("--action", metavar="DAY;OWNER;WORDS", help="What follows, such as '2026-12-18;A. Head;call'."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="When it was made, such as 2026-11-20T14:00 (UTC). Default: now."),
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option("--attach", metavar="FILE", help="A file to keep with it, such as a tester's certificate."),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Record a check that a person made on a device: when, who, what was tested, and what follows from it."""
    from schoolgate.cli.commands import recorded_checks

    given = {
        "result": result.value, "tested": tested, "device_kind": device.value, "system": system,
        "is_on_site": not off_site, "place": place, "group": group, "line": line, "findings": findings,
    }  # fmt: skip
    recorded_checks.record(_config(context, config), given, at, action or [], attach or [], as_json)


@check_app.command("list", epilog="schoolgate check list --open")
def check_list(
    context: typer.Context,
    is_open: Annotated[bool, typer.Option("--open", help="Only those with something to do.")] = False,
    people: Annotated[bool, typer.Option("--people", help="Only those that people made.")] = False,
    before: Annotated[
        int | None, typer.Option("--before", metavar="NUMBER", min=1, help="Older than this one: the next page.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List recorded checks, newest first."""
    from schoolgate.cli.commands import recorded_checks

    recorded_checks.list_all(_config(context, config), is_open, people, before, as_json)


@check_app.command("show", epilog="schoolgate check show 12")
def check_show(context: typer.Context, number: Number, as_json: Json = False, config: Config = None) -> None:
    """Show one recorded check with its table, actions and files."""
    from schoolgate.cli.commands import recorded_checks

    recorded_checks.show(_config(context, config), number, as_json)


@check_app.command("finish", epilog="schoolgate check finish 12 1 --note 'the access point is replaced'")
def check_finish(
    context: typer.Context,
    number: Number,
    action: Annotated[int, typer.Argument(metavar="ACTION", help="Which of its actions, from 1.")],
    note: Annotated[str, typer.Option("--note", metavar="WORDS", help="What was done.")] = "",
    config: Config = None,
) -> None:
    """Say that an action of a check is done."""
    from schoolgate.cli.commands import recorded_checks

    recorded_checks.finish(_config(context, config), number, action, note)


@check_app.command("coverage", epilog=epilog("check coverage"))
def check_coverage(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Show which kinds of device were checked where and for whom since the term began, and what is due."""
    from schoolgate.cli.commands import recorded_checks

    raise typer.Exit(recorded_checks.coverage(_config(context, config), as_json))


@check_app.command(
    "plan", epilog="schoolgate check plan --place 'Main site' --group pupils --group staff --line Backup"
)
def check_plan(
    context: typer.Context,
    place: Annotated[list[str] | None, typer.Option("--place", metavar="WORDS", help="A place. Repeat it.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", metavar="WORDS", help="A group. Repeat it.")] = None,
    line: Annotated[
        list[str] | None, typer.Option("--line", metavar="WORDS", help="An internet line, the backup too. Repeat it.")
    ] = None,
    every: Annotated[
        int | None,
        typer.Option("--every-days", metavar="DAYS", min=1, max=366, help="Default: once a term."),
    ] = None,
    config: Config = None,
) -> None:
    """Say what is to be checked: it takes the place of the plan before."""
    from schoolgate.cli.commands import recorded_checks

    recorded_checks.plan(_config(context, config), place or [], group or [], line or [], every)


@check_app.command("forwarders", epilog=epilog("check forwarders"))
def check_forwarders(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Ask each forwarder a few questions: is it reached, how quick is it, is it encrypted and by which certificate, and
    what does it do to answers: names that do not exist, filters, DNSSEC."""
    from schoolgate.cli.commands import checks

    raise typer.Exit(checks.forwarders(_config(context, config), as_json))


@check_app.command("drift", epilog=epilog("check drift"))
def check_drift(
    context: typer.Context,
    accept: Annotated[
        int | None, typer.Option("--accept", metavar="NUMBER", min=1, help="Answer for this drift; needs --reason.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", "-r", metavar="WORDS", help="Why it is as it is.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Compare what is set up with what was agreed: settings, policy, lists, detectors, firewall rules, version."""
    from schoolgate.cli.commands import recorded_checks

    if (accept is None) != (reason is None):
        raise typer.BadParameter("--accept and --reason go together", param_hint="--accept")
    raise typer.Exit(recorded_checks.drift(_config(context, config), accept, reason, as_json))
