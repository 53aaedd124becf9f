"""The command line of the setup: arguments and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Config, config_of

setup_app = typer.Typer(
    invoke_without_command=True,
    help="Set this machine up: networks, policy, lists, forwarders, mail, backups, accounts. Asks, shows what would"
    " change, and writes nothing before you say yes.",
    epilog=epilog("setup"),
)


@setup_app.callback()
def setup(
    context: typer.Context,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers", metavar="FILE", help="Ask nothing: the answers, in TOML or JSON; - reads standard input."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what would change, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to go on.")] = False,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the answers to a file, for other machines.")
    ] = None,
    updates: Annotated[bool, typer.Option("--update/--no-update", help="Fetch the chosen lists at the end.")] = True,
    config: Config = None,
) -> None:
    """Set this machine up, or go on where an earlier setup was left."""
    if context.invoked_subcommand is not None:
        return
    from schoolgate.cli.commands import setup as setting_up

    raise typer.Exit(setting_up.setup(config_of(config), answers, check, yes, save, updates))


@setup_app.command("token", epilog="sudo -u schoolgate schoolgate setup token")
def setup_token(config: Config = None) -> None:
    """Write the token that makes the first head or director to a file that its owner alone reads; for 24 hours."""
    from schoolgate.cli.commands import accounts

    accounts.setup_token(config_of(config))
