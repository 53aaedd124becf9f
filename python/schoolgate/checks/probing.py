"""Asks probes through the real door, from an address inside a segment, and says of each what came back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from dnslib import QTYPE, RCODE

from schoolgate.checks.probes import Probe
from schoolgate.config import SocketAddress
from schoolgate.resolver.stub_resolver import NoAnswer, Reply, ask, extended_codes

Transport = Literal["udp", "tcp", "tls"]
# Under way at once: far below what one client may ask for in a second.
MOST_AT_ONCE = 8
# The server itself gives up at about 4 s.
TIMEOUT_S = 5.0
# Of the first question, over UDP, where nothing may be listening; asked so often, for a datagram may be lost.
FIRST_TIMEOUT_S, FIRST_TRIES = 1.5, 2
# All questions of one network: a door that is dead in the middle of it must not hold the next check up.
LONGEST_S = 60.0
_ADDRESSES = frozenset({QTYPE.A, QTYPE.AAAA})
# RFC 8914: Blocked, Censored, Filtered; Prohibited.
_DENIED, _CENSORED, _PROHIBITED = frozenset({15, 16, 17}), 16, 18
_TYPE_A = 1

# What came, in words: what is compared, and what a person reads.
NO_ANSWER, REFUSED = "no answer", "refused: not a client of this school"


@dataclass(frozen=True)
class Answered:
    """One probe over one transport. `came` is compared with `expected`; `said` has the details, for people."""

    probe: str
    name: str
    about: str
    transport: Transport
    expected: str
    came: str
    said: str
    is_well: bool


def ask_all(
    source: str,
    probes: Sequence[Probe],
    doors: Sequence[tuple[Transport, SocketAddress]],
    announce: Callable[[Transport], None],
) -> tuple[Answered, ...]:
    """Every probe over UDP, and some of each kind over every other door; silence is an outcome. `announce` is called
    before the first question at each door; what it raises ends the check.

    A door that does not answer its first question, or refuses it, is asked no other one: a server answers few
    refusals, and then falls silent.
    """
    found: list[Answered] = []
    for transport, at in doors:
        announce(transport)
        chosen = probes if transport == "udp" else some_of_each_kind(probes)
        found += _at_door(source, chosen, transport, at)
    return tuple(found)


def some_of_each_kind(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """The first probe of each expectation: a door that decides like another needs no whole table."""
    first: dict[str, Probe] = {}
    for probe in probes:
        first.setdefault(probe.expected, probe)
    return tuple(first.values())


def _at_door(source: str, probes: Sequence[Probe], transport: Transport, at: SocketAddress) -> list[Answered]:
    if not probes:
        return []
    first = _first(source, probes[0], transport, at)
    if first.came in (NO_ANSWER, REFUSED):
        said = f"not asked: the first question had {'no answer' if first.came == NO_ANSWER else 'a refusal'}"
        return [first, *(_answered(one, transport, first.came, said) for one in probes[1:])]
    deadline = time.monotonic() + LONGEST_S

    def one(probe: Probe) -> Answered:
        if time.monotonic() > deadline:
            return _answered(probe, transport, NO_ANSWER, f"not asked: the check ended after {LONGEST_S:g} s")
        return _asked(source, probe, transport, at, TIMEOUT_S)

    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="check") as pool:
        return [first, *pool.map(one, probes[1:])]


def _first(source: str, probe: Probe, transport: Transport, at: SocketAddress) -> Answered:
    """The question that finds out whether the door answers. Only what is answered at once may stand here."""
    found = _asked(source, probe, transport, at, FIRST_TIMEOUT_S)
    for _ in range(FIRST_TRIES - 1):
        if found.came != NO_ANSWER:
            break
        found = _asked(source, probe, transport, at, FIRST_TIMEOUT_S)
    return found


def _asked(source: str, probe: Probe, transport: Transport, at: SocketAddress, timeout_s: float) -> Answered:
    try:
        reply = ask(
            probe.name, _TYPE_A, at, source=source, tcp=transport == "tcp", tls=transport == "tls", timeout_s=timeout_s
        )
    except NoAnswer as error:
        return _answered(probe, transport, NO_ANSWER, str(error))
    return _answered(probe, transport, _came(reply, probe), _said(reply))


def _answered(probe: Probe, transport: Transport, came: str, said: str) -> Answered:
    return Answered(
        probe.id, probe.name, probe.about, transport, probe.expected, came, said, is_as_expected(probe, came)
    )


def is_as_expected(probe: Probe, came: str) -> bool:
    """Whether what came is what the policy asks for."""
    match probe.expected:
        case "closed":
            return came in ("closed", "sealed")
        case "not closed":
            return came not in ("closed", "sealed", NO_ANSWER, REFUSED)
        case "safe mode":
            return came in ("safe mode", "closed", "sealed")
        case _:
            return came == probe.expected


def _came(reply: Reply, probe: Probe) -> str:
    codes = {code for code, _ in extended_codes(reply.record)}
    if _CENSORED in codes:
        return "sealed"
    if codes & _DENIED:
        return "closed"
    if _PROHIBITED in codes or reply.record.header.rcode == RCODE.REFUSED:
        return REFUSED
    if reply.record.header.rcode == RCODE.NXDOMAIN:
        return "no such name"
    if reply.record.header.rcode != RCODE.NOERROR:
        return "server failure"
    targets = {str(one.rdata).rstrip(".").lower() for one in reply.record.rr if one.rtype == QTYPE.CNAME}
    if targets & set(probe.targets):
        return "safe mode"
    has_address = any(one.rtype in _ADDRESSES for one in reply.record.rr)
    return "open" if has_address else "no address"


def _said(reply: Reply) -> str:
    reasons = [text or f"EDE {code}" for code, text in extended_codes(reply.record)]
    return ", ".join([str(RCODE.get(reply.record.header.rcode)), *reasons])
