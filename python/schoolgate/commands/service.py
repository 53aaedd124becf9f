"""`run`, `serve` and `reload`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import orjson

from schoolgate import service, state_dir
from schoolgate.commands.terminal import note, out, say
from schoolgate.config import SocketAddress, load
from schoolgate.control import call
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.monitor_child import keep_monitor
from schoolgate.service import Service
from schoolgate.telemetry import configure_logs

# Millions of names are opened and bound to the policies before the answer comes.
RELOAD_TIMEOUT_S = 120.0


def run(config: Path | None, log_level: str) -> None:
    """Everything, for one machine and somebody who looks on."""
    configure_logs(log_level)
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    if not SnapshotStore(settings.server.state_dir).serials():
        from schoolgate.commands.lists import build_with_progress

        note("first start: building the lists")
        build_with_progress(settings)
    service.serve(config, welcome, partial(keep_monitor, config, log_level))


def serve(config: Path | None, log_level: str) -> None:
    """The same for a service manager."""
    configure_logs(log_level)
    service.serve(config)


def reload(config: Path | None) -> None:
    """Has the running service read everything anew."""
    outcome = call(load(config).server.control_socket, "reload", timeout_s=RELOAD_TIMEOUT_S)
    say(f"reloaded: policy revision {outcome['policy_revision']}, lists serial {outcome['lists_serial']}")
    for path in outcome["changed"]:
        say(f"  {path} changed")
    for path in outcome["waits_for_restart"]:
        note(f"  {path} changed, and waits for a restart of the service", "yellow")
    for warning in outcome["warnings"]:
        note(f"  {warning}", "yellow")


def welcome(running: Service) -> None:
    """Where it answers, for whom, and what to try first."""
    whole = running.in_force
    first = running.listening[0]
    out.print()
    say(f"schoolgate answers on {', '.join(map(str, running.listening))} (UDP and TCP)", "bold green")
    say(f"  state      {whole.settings.server.state_dir}")
    say(f"  policy     revision {whole.revision.number}, {whole.revision.why}")
    say(f"  lists      serial {whole.lists.snapshot.serial}, {whole.lists.snapshot.entries} names")
    say(f"  forwarders {', '.join(map(str, running.servers)) or 'none, so only blocked and local names are answered'}")
    for segment in _segments(running):
        clients = ", ".join((*segment["prefixes"], *segment["asked"])) or "no client"
        say(f"  segment    {segment['id']} has policy {segment['policy']}: {clients}")
    out.print()
    say("Try, in another terminal:")
    for command in _first_commands(first, [one["prefixes"] for one in _segments(running)]):
        say(f"  {command}")
    say("Ctrl-C stops it.")
    out.print()


def _segments(running: Service) -> list[dict[str, Any]]:
    segments: list[dict[str, Any]] = orjson.loads(running.in_force.regime.compiled.description)["segments"]
    return segments


def _first_commands(address: SocketAddress, prefixes: list[list[str]]) -> list[str]:
    dig = f"dig @{address.host} -p {address.port}"
    commands = [
        f"{dig} example.com",
        f"{dig} gambling.blocked.example.com        # on a list, under a policy that denies gambling",
        f"{dig} +tcp use-application-dns.net        # tells browsers to leave DNS to the network",
    ]
    own = [
        one.removesuffix("/32") for each in prefixes for one in each if one.startswith("127.") and one.endswith("/32")
    ]
    if address.host.startswith("127.") and len(own) > 1:
        commands.append(f"{dig} -b {own[-1]} gambling.blocked.example.com   # the same, from another segment")
    return [*commands, "schoolgate explain gambling.blocked.example.com", "schoolgate status"]
