"""The command line of the checks: arguments and help. `check` alone reads configuration, lists and policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Config, Json, config_of

check_app = typer.Typer(
    invoke_without_command=True, help="Read configuration, lists and policy; or check what must work."
)


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


@check_app.command("forwarders", epilog=epilog("check forwarders"))
def check_forwarders(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """Ask each forwarder a few questions: is it reached, how quick is it, is it encrypted and by which certificate, and
    what does it do to answers: names that do not exist, filters, DNSSEC."""
    from schoolgate.cli.commands import checks

    raise typer.Exit(checks.forwarders(_config(context, config), as_json))
