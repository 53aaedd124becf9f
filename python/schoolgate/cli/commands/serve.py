"""`run`, `serve` and `reload`.

Everything the first answer does not need is loaded where it is used: a school waits for that answer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.server import start
from schoolgate.storage import state_dir
from schoolgate.storage.applied_settings import find_settings
from schoolgate.telemetry import configure_logs

if TYPE_CHECKING:
    from schoolgate.server.service import Service

# Millions of names are opened and bound to the policies before the answer comes.
RELOAD_TIMEOUT_S = 120.0


def run(config: Path | None, log_level: str) -> None:
    """Everything, for one machine and a person at its terminal."""
    configure_logs(log_level)
    settings = find_settings(config).settings
    state_dir.prepare(settings.server.state_dir)
    if not SnapshotStore(settings.server.state_dir).serials():
        from schoolgate.cli.commands.lists import build_with_progress
        from schoolgate.cli.commands.terminal import note

        note("first start: building the lists")
        build_with_progress(settings)
    wanted = {"console": settings.console.enabled, "identity": bool(settings.identity.sources)}
    commands = ("monitor", "control", *(command for command, is_wanted in wanted.items() if is_wanted))
    start.serve(config, _welcome, partial(_beside, config, log_level, commands))


def serve(config: Path | None, log_level: str) -> None:
    """The same for a service manager."""
    configure_logs(log_level)
    start.serve(config)


def reload(config: Path | None, is_loss_accepted: bool) -> None:
    """Has the running service read everything anew."""
    from schoolgate.cli.commands.terminal import note, say
    from schoolgate.control import call

    # Where the file cannot be used, the socket is where the running service has it: it says itself what is wrong.
    path = find_settings(config).settings.server.control_socket
    outcome = call(path, "reload", timeout_s=RELOAD_TIMEOUT_S, accept=is_loss_accepted)
    say(f"reloaded: policy revision {outcome['policy_revision']}, lists serial {outcome['lists_serial']}")
    for path in outcome["changed"]:
        say(f"  {path} changed")
    for path in outcome["waits_for_restart"]:
        note(f"  {path} changed, and waits for a restart of the service", "yellow")
    for warning in (*outcome["warnings"], *outcome["problems"]):
        note(f"  {warning}", "yellow")


def _welcome(running: Service) -> None:
    from schoolgate.cli.commands.welcome import welcome

    welcome(running)


async def _beside(config: Path | None, log_level: str, commands: tuple[str, ...]) -> None:
    import asyncio

    from schoolgate.server.process_beside import keep_process

    # Unlike `gather`, it waits until each has ended.
    async with asyncio.TaskGroup() as group:
        for command in commands:
            group.create_task(keep_process(command, config, log_level))
