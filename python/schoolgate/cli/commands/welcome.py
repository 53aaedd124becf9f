"""What a person who typed `schoolgate run` reads once it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schoolgate.cli.commands.terminal import out, say
from schoolgate.config import SocketAddress

if TYPE_CHECKING:
    from schoolgate.server.service import Service


def welcome(running: Service) -> None:
    """Where it answers, for whom, and what to try first."""
    whole = running.active
    first = running.listening[0]
    out.print()
    say(f"schoolgate answers on {', '.join(map(str, running.listening))} (UDP and TCP)", "bold green")
    say(f"  state      {whole.settings.server.state_dir}")
    say(f"  policy     revision {whole.revision.number}, {whole.revision.why}")
    say(f"  lists      serial {whole.lists.snapshot.serial}, {whole.lists.snapshot.entries} names kept")
    say(f"  forwarders {', '.join(map(str, running.servers)) or 'none, so only blocked and local names are answered'}")
    for segment in _segments(running):
        clients = ", ".join((*segment["prefixes"], *segment["asked"])) or "no client"
        say(f"  segment    {segment['id']} has policy {segment['policy']}: {clients}")
    console = whole.settings.console
    if console.enabled and console.port:  # of a port that the machine chooses, its first line says
        scheme = "https" if console.has_certificate else "http"
        say(f"  console    {scheme}://{console.listen}/")
        say(f"             the first account: `schoolgate setup token`, then {scheme}://{console.listen}/first-account")
    out.print()
    say("Try, in another terminal:")
    for command in _first_commands(first, [one["prefixes"] for one in _segments(running)]):
        say(f"  {command}")
    say("Ctrl-C stops it.")
    out.print()


def _segments(running: Service) -> list[dict[str, Any]]:
    segments: list[dict[str, Any]] = orjson.loads(running.active.policy.compiled.description)["segments"]
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
