"""The command line of the audit log: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

audit_app = typer.Typer(
    no_args_is_help=True, help="Who did what with schoolgate: a log that shows any change made to it."
)


class Outcome(StrEnum):
    """What became of an operation."""

    done = "done"
    refused = "refused"
    failed = "failed"


Checkpoints = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="A checkpoint that was kept elsewhere. May be repeated.", dir_okay=False
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="A verifier key from elsewhere (checkpoint --key). May be repeated."),
]


@audit_app.command("log", epilog="schoolgate audit log --operation policy.apply")
def audit_log(
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=100_000, help="How many entries.")] = 50,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ACCOUNT", help="By this account only.")] = None,
    operation: Annotated[str | None, typer.Option("--operation", metavar="NAME", help="This operation only.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", metavar="SCOPE", help="In this scope only.")] = None,
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="What became of it.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List the newest entries, newest first."""
    from schoolgate.cli.commands import audit

    wanted = {"actor": actor, "operation": operation, "scope": scope, "outcome": outcome}
    given = {name: str(value) for name, value in wanted.items() if value is not None}
    audit.log(config_of(config), most, given, as_json)


@audit_app.command("show", epilog="schoolgate audit show 1204")
def audit_show(
    number: Annotated[int, typer.Argument(min=0, help="The number of the entry, from 0.")],
    epoch: Annotated[int | None, typer.Option("--epoch", min=1, help="Default: the newest one.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show one entry whole, with the proof that it is in the log. A look at personal values is recorded."""
    from schoolgate.cli.commands import audit

    audit.show(config_of(config), number, epoch, as_json)


@audit_app.command("verify", epilog="schoolgate audit verify --export audit.jsonl --checkpoint monday.txt")
def audit_verify(
    checkpoints: Checkpoints = None,
    keys: Keys = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Verify this export, offline.", dir_okay=False)
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option("--earlier", metavar="FILE", help="An export from before: names what changed.", dir_okay=False),
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Verify the log. Exits 1 if it was tampered with, 3 if it agrees with itself only (no --checkpoint)."""
    from schoolgate.cli.commands import audit

    audit.verify(config_of(config), export, earlier, checkpoints or [], keys or [], as_json)


@audit_app.command("export", epilog="schoolgate audit export audit.jsonl")
def audit_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist.", dir_okay=False)],
    personal: Annotated[bool, typer.Option("--personal", help="With personal values, which stay in the file.")] = False,
    config: Config = None,
) -> None:
    """Write the log to a file that any machine can verify. The export is recorded."""
    from schoolgate.cli.commands import audit

    audit.export(config_of(config), file, personal)


@audit_app.command("checkpoint", epilog="schoolgate audit checkpoint > monday.txt")
def audit_checkpoint(
    shows_key: Annotated[bool, typer.Option("--key", help="Print the verifier key instead.")] = False,
    rotates: Annotated[bool, typer.Option("--rotate", help="Replace the key first; both keys sign.")] = False,
    config: Config = None,
) -> None:
    """Sign the log as it is, and print the checkpoint. Keep it where this machine cannot change it."""
    from schoolgate.cli.commands import audit

    audit.checkpoint(config_of(config), shows_key, rotates)
