"""Asks the running service for many names, as a device would, a few at a time.

Never in a hurry and never without an end: a check must not be the flood that it would report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Literal

from dnslib import QTYPE, RCODE

from schoolgate.config import SocketAddress
from schoolgate.resolver.stub_resolver import NoAnswer, Reply, ask, extended_codes

# Under way at once: far below what one client may ask for in a second.
MOST_AT_ONCE = 16
# The service itself gives up at about 4 s.
TIMEOUT_S = 5.0
# All of it: with a dead forwarder 400 names take this long at most.
LONGEST_S = 180.0
# RFC 8914: Blocked, Censored, Filtered.
_DENIED = frozenset({15, 16, 17})
_PROHIBITED = 18
_TYPE_A = 1

Outcome = Literal["answered", "no address", "denied", "refused", "unresolvable"]


@dataclass(frozen=True)
class Resolved:
    """What came for a name. `targets`: the names its answer leads to."""

    name: str
    outcome: Outcome
    said: str
    targets: tuple[str, ...] = ()


def resolve_all(
    names: Sequence[str], server: SocketAddress, done: Callable[[int], None], *, timeout_s: float = TIMEOUT_S
) -> tuple[Resolved, ...]:
    """Each name once, in the order given; `done` hears how many are. What was not asked in time is unresolvable."""
    deadline = time.monotonic() + LONGEST_S

    def one(name: str) -> Resolved:
        if time.monotonic() > deadline:
            return Resolved(name, "unresolvable", f"not asked: the check ended after {LONGEST_S:g} s")
        return resolve(name, server, timeout_s=timeout_s)

    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="check") as pool:
        futures: list[Future[Resolved]] = [pool.submit(one, name) for name in names]
        for number, _ in enumerate(as_completed(futures), start=1):
            done(number)
    return tuple(future.result() for future in futures)


def resolve(name: str, server: SocketAddress, *, timeout_s: float = TIMEOUT_S) -> Resolved:
    """One name; silence is an outcome, not an error."""
    try:
        reply = ask(name, _TYPE_A, server, timeout_s=timeout_s)
    except NoAnswer as error:
        return Resolved(name, "unresolvable", str(error))
    codes = {code for code, _ in extended_codes(reply.record)}
    if codes & _DENIED:
        return Resolved(name, "denied", _reason(reply))
    if _PROHIBITED in codes:
        return Resolved(name, "refused", _reason(reply))
    targets = tuple(_targets(reply))
    if any(record.rtype == _TYPE_A for record in reply.record.rr):
        return Resolved(name, "answered", RCODE.get(reply.record.header.rcode), targets)
    if reply.record.header.rcode == RCODE.NOERROR:
        return Resolved(name, "no address", "no A record", targets)
    return Resolved(name, "unresolvable", _reason(reply), targets)


def _targets(reply: Reply) -> Iterator[str]:
    for record in reply.record.rr:
        if record.rtype == QTYPE.CNAME:
            yield str(record.rdata).rstrip(".").lower()


def _reason(reply: Reply) -> str:
    said = [text or f"EDE {code}" for code, text in extended_codes(reply.record)]
    return ", ".join([RCODE.get(reply.record.header.rcode), *said])
