"""`control` and `rights`."""

from __future__ import annotations

from pathlib import Path

from schoolgate.accounts.roles import Role
from schoolgate.cli.commands.terminal import note, out, say_json, table
from schoolgate.config import load
from schoolgate.operations.registry import every_operation
from schoolgate.operations.rights import RIGHTS, Audience
from schoolgate.operations.rights import audience as audience_of
from schoolgate.telemetry import configure_logs


def control(config: Path | None, log_level: str, until_stdin_ends: bool) -> None:
    """Does operations until stopped."""
    from schoolgate.operations import control_process

    configure_logs(log_level)
    control_process.run(config, until_stdin_ends=until_stdin_ends)


def rights(config: Path | None, as_json: bool) -> None:
    """The table of rights."""
    known, local = every_operation(), load(config).operations.local_roles
    if as_json:
        say_json(
            [
                {
                    "operation": name,
                    "summary": known[name].summary,
                    "roles": dict(row),
                }
                for name, row in RIGHTS.items()
            ]
        )
        return
    rows = table("operation", *(role.replace("_", "\n") for role in Role))
    rows.columns[0].no_wrap = True
    for name, row in RIGHTS.items():
        audience = audience_of(name)
        letters = [row.get(role, "") for role in Role] if audience is Audience.roles else [audience]
        rows.add_row(name, *letters)
    out.print(rows)
    own = ", ".join(one.replace("_", " ") for one in local)
    note("R: looks. n: looks, without devices and people. W: changes.")
    note("own: each account that is signed in, about itself. anyone: also who is not signed in.")
    note(f"The service's user and root have the roles: {own} ([operations] local_roles)")
