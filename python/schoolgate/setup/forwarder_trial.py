"""Asks each forwarder one question from here, before it is used: does it answer, how fast, and does it answer for the
whole internet. One that is to be asked encrypted is asked so, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dnslib import RCODE

from schoolgate.config import SocketAddress, system_resolvers
from schoolgate.config.addresses import SYSTEM
from schoolgate.config.forwarder_address import from_short
from schoolgate.resolver.stub_resolver import NoAnswer, ask

# Each resolver knows who answers for the root (RFC 9609); it is the question that a resolver begins with.
ROOT, NS = ".", 2
TIMEOUT_S = 3.0


@dataclass(frozen=True)
class ForwarderTrial:
    """`is_good`: it answered. `said`: what came, in words. `took_ms` is 0 where nothing came."""

    server: str
    is_good: bool
    said: str
    took_ms: float = 0.0


def try_forwarders(servers: Iterable[str], listen: tuple[SocketAddress, ...]) -> tuple[ForwarderTrial, ...]:
    """Each of them, and for "system" each that /etc/resolv.conf names. Raises what `from_short` raises."""
    asked: list[SocketAddress] = []
    found: list[ForwarderTrial] = []
    for text in servers:
        server = from_short(text)
        if not isinstance(server, str):
            asked.append(server)
            continue
        own = system_resolvers(listen)
        if not own:
            found.append(ForwarderTrial(SYSTEM, False, "/etc/resolv.conf names no resolver but this server"))
        asked += own
    asked = list(dict.fromkeys(asked))
    with ThreadPoolExecutor(max(1, len(asked)), thread_name_prefix="trial") as pool:
        return (*found, *pool.map(_tried, asked))


def _tried(server: SocketAddress) -> ForwarderTrial:
    try:
        reply = ask(ROOT, NS, server, timeout_s=TIMEOUT_S)
    except NoAnswer as error:
        return ForwarderTrial(str(server), False, str(error))
    code = reply.record.header.rcode
    if code == RCODE.NOERROR and reply.record.rr:
        return ForwarderTrial(str(server), True, f"answers in {reply.took_ms:.0f} ms", reply.took_ms)
    if code == RCODE.NOERROR:
        return ForwarderTrial(str(server), False, "answers, but not for the internet: no servers of the root")
    return ForwarderTrial(
        str(server), False, f"answers {RCODE.get(code)} for the root: it does not resolve the internet"
    )
