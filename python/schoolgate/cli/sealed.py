"""The command line of sealed lists: arguments and help. No command shows, removes or exports an entry."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Config, Json, config_of

sealed_app = typer.Typer(no_args_is_help=True, help="Illegal-content lists: kept as keyed hashes, lifted by nothing.")


class Format(StrEnum):
    """How a supplier writes entries."""

    plain = "plain"
    csv = "csv"
    hashes = "hashes"


@sealed_app.command("import")
def sealed_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The supplier's list.", exists=True, dir_okay=False)],
    supplier: Annotated[str, typer.Option("--supplier", metavar="NAME", help="Who supplies it, such as iwf.")],
    form: Annotated[Format, typer.Option("--format", help="hashes: hexadecimal MD5, SHA-1 or SHA-256.")] = Format.plain,
    column: Annotated[
        str | None, typer.Option("--column", metavar="COLUMN", help="Of a CSV file: its name, or its number from 1.")
    ] = None,
    accept_shrink: Annotated[
        bool, typer.Option("--accept-shrink", help="Take a list of less than half the entries; recorded.")
    ] = False,
    config: Config = None,
) -> None:
    """Take in a supplier's list. Only keyed hashes are kept; entries that DNS cannot enforce are counted."""
    from schoolgate.cli.commands import sealed

    if column is not None and form is Format.plain:
        raise typer.BadParameter("a plain list has no columns; use --format csv", param_hint="--column")
    sealed.import_sealed(config_of(config), file, supplier, str(form), column, accept_shrink)


@sealed_app.command("update", epilog=epilog("sealed update"))
def sealed_update(config: Config = None) -> None:
    """Fetch and import what suppliers publish (sealed.feeds in the settings)."""
    from schoolgate.cli.commands import sealed

    raise typer.Exit(sealed.update(config_of(config)))


@sealed_app.command("status")
def sealed_status(config: Config = None, as_json: Json = False) -> None:
    """Age and counts of each sealed list, and whether the running service uses it."""
    from schoolgate.cli.commands import sealed

    sealed.status(config_of(config), as_json)


@sealed_app.command("selftest")
def sealed_selftest(config: Config = None) -> None:
    """Ask the running service for the self-test entry as a client of each network, and keep a dated record."""
    from schoolgate.cli.commands import sealed

    sealed.selftest(config_of(config))


@sealed_app.command("rotate")
def sealed_rotate(config: Config = None) -> None:
    """Make a new key, which the next import of each list uses."""
    from schoolgate.cli.commands import sealed

    sealed.rotate(config_of(config))
