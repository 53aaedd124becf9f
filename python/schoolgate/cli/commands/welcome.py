"""What a person who typed `schoolgate run` reads once it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schoolgate.cli.commands.terminal import out, say
from schoolgate.config import Settings, SocketAddress
from schoolgate.config.console import Console

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
        say(f"  network    {segment['id']} has policy {segment['policy']}: {clients}")
    console = whole.settings.console
    if console.enabled and console.port:  # of a port that the machine chooses, its first line says
        scheme = scheme_of(console)
        say(f"  console    {scheme}://{console.listen}/")
        say(f"             the first account: `schoolgate setup token`, then {scheme}://{console.listen}/first-account")
    _say_what_is_open(whole.settings, whole.revision.text, scheme_of(console), str(console.listen))
    out.print()
    say("Try, in another terminal:")
    for command in _first_commands(first, [one["prefixes"] for one in _segments(running)]):
        say(f"  {command}")
    say("Ctrl-C stops it.")
    out.print()


def scheme_of(console: Console) -> str:
    """https with a certificate, else http, on this machine alone."""
    return "https" if console.has_certificate else "http"


def _say_what_is_open(settings: Settings, policy: str, scheme: str, console: str) -> None:
    """What is not protected, and the one command or page that changes it."""
    from schoolgate.lists.feed_book import FeedBook
    from schoolgate.policy.templates import is_demonstration

    browser = f", or `schoolgate setup token` and {scheme}://{console}/setup" if settings.console.enabled else ""
    if is_demonstration(policy, settings.lists.dir):
        say(
            "Not set up: this is the demonstration's policy, and devices other than this machine are refused.", "yellow"
        )
        say(f"  schoolgate setup{browser}", "yellow")
    if not FeedBook(settings.server.state_dir).in_use():
        say("Most harmful sites are open: only the best-known names are listed until public lists are used.", "yellow")
        say("  schoolgate setup, or schoolgate feeds recommend", "yellow")


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
        commands.append(f"{dig} -b {own[-1]} gambling.blocked.example.com   # the same, from another network")
    return [*commands, "schoolgate explain gambling.blocked.example.com", "schoolgate status"]
