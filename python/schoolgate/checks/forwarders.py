"""What each forwarder is like: whether it is reached, how quick it is, who it proves to be, what it does to answers.

Few questions to each, over a connection of its own where it is asked over connections: by the same transport, held to
the same name, pins and authorities as the service holds it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from cryptography import x509
from dnslib import QTYPE, RCODE

from schoolgate.config import SocketAddress
from schoolgate.config.forwarder_address import ConnectedServer
from schoolgate.resolver.stub_resolver import NoAnswer, Reply, extended_codes
from schoolgate.resolver.stub_resolver import ask as ask_server

TIMEOUT_S: Final = 3.0
# Each at most as many as a set may have, times the questions below.
MOST_AT_ONCE: Final = 8
# The median of so many says how quick it is.
TIMES_ASKED: Final = 3
DAYS_OF_WARNING: Final = 14
# Names that are there for this: who filters threats denies the one or the other of them.
FILTERED_NAMES: Final = ("isitblocked.org", "malware.testcategory.com", "www.internetbadguys.com")
_NOWHERE: Final = frozenset({"0.0.0.0", "::"})
# RFC 8914: Blocked, Censored, Filtered.
_DENIED: Final = frozenset({15, 16, 17})

Ask = Callable[..., Reply]


@dataclass(frozen=True)
class ForwarderCertificate:
    """What a forwarder showed: its alternative names, and whole days until it ends."""

    names: tuple[str, ...]
    days_left: int


@dataclass(frozen=True)
class ForwarderFound:
    """One forwarder. `zone`: what it is asked for; empty: everything. Milliseconds: `latency_ms` from question to
    answer, `opened_ms` connection and handshake. `nxdomain`: what became of a name that does not exist; "rewritten" is
    an answer that sends devices elsewhere. `validates`: it says that it has checked DNSSEC (AD); `must_validate`: the
    settings take it that it does ("sidecar"). `denies`: names for trying out filters that it denies. None: not asked,
    or not said."""

    server: str
    zone: str
    transport: str
    is_reached: bool
    said: str
    latency_ms: float | None = None
    opened_ms: float | None = None
    certificate: ForwarderCertificate | None = None
    nxdomain: Literal["honest", "rewritten"] | None = None
    validates: bool | None = None
    must_validate: bool = False
    denies: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForwardersFound:
    """All forwarders, those of everything first."""

    at: dt.datetime
    forwarders: tuple[ForwarderFound, ...]

    def sentences(self) -> tuple[str, ...]:
        """What is wrong, in words for a person; none when all is well."""
        if not self.forwarders:
            return ("there is no forwarder to ask; set forwarders.servers",)
        return tuple(sentence for one in self.forwarders for sentence in _sentences(one))

    def whole(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "forwarders": [asdict(one) for one in self.forwarders],
            "sentences": list(self.sentences()),
        }


def _sentences(found: ForwarderFound) -> Iterable[str]:
    if not found.is_reached:
        yield f"{found.server} does not answer: {found.said}"
    if found.nxdomain == "rewritten":
        yield f"{found.server} answers for names that do not exist: it sends mistyped names to an address of its choice"
    if found.must_validate and found.validates is False:
        yield f'{found.server} does not validate DNSSEC, and dnssec = "sidecar" relies on it: see docs/dnssec.md'
    if found.certificate is not None and found.certificate.days_left < DAYS_OF_WARNING:
        yield f"the certificate of {found.server} ends in {found.certificate.days_left} days"


def check_forwarders(
    servers: Sequence[tuple[str, SocketAddress]],
    now: dt.datetime,
    *,
    must_validate: bool = False,
    ask: Ask = ask_server,
) -> ForwardersFound:
    """Asks each (zone, server), several at a time. `must_validate`: those of everything. Blocks: call in a thread."""
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="check") as pool:
        found = pool.map(lambda one: _look_at(one[0], one[1], now, ask), servers)
        return ForwardersFound(
            now, tuple(replace(one, must_validate=must_validate) if not one.zone else one for one in found)
        )


def _look_at(zone: str, server: SocketAddress, now: dt.datetime, ask: Ask) -> ForwarderFound:
    transport = server.transport if isinstance(server, ConnectedServer) else "udp"
    asked = zone or "."
    try:
        replies = [ask(asked, QTYPE.SOA, server, timeout_s=TIMEOUT_S, wants_dnssec=True) for _ in range(TIMES_ASKED)]
    except NoAnswer as error:
        return ForwarderFound(str(server), zone, transport, False, str(error).removeprefix(f"{server}: "))
    opened = [one.opened_ms for one in replies if one.opened_ms is not None]
    found = ForwarderFound(
        str(server), zone, transport, True, str(RCODE.get(replies[-1].record.header.rcode)),
        latency_ms=round(statistics.median(one.took_ms - (one.opened_ms or 0) for one in replies), 1),
        opened_ms=round(statistics.median(opened), 1) if opened else None,
        certificate=_certificate(replies[-1].certificate, now),
    )  # fmt: skip
    return found if zone else _with_conduct(found, server, replies[-1], ask)


def _with_conduct(found: ForwarderFound, server: SocketAddress, root: Reply, ask: Ask) -> ForwarderFound:
    """What it does to answers: one that answers for the whole internet."""
    nowhere = f"{secrets.token_hex(12)}.com"
    denies = tuple(name for name in FILTERED_NAMES if _denies(name, server, ask))
    nxdomain = _nxdomain(nowhere, server, ask)
    return replace(found, nxdomain=nxdomain, validates=bool(root.record.header.ad), denies=denies)


def _nxdomain(name: str, server: SocketAddress, ask: Ask) -> Literal["honest", "rewritten"] | None:
    try:
        record = ask(name, QTYPE.A, server, timeout_s=TIMEOUT_S).record
    except NoAnswer:
        return None
    if record.header.rcode == RCODE.NXDOMAIN:
        return "honest"
    return "rewritten" if record.header.rcode == RCODE.NOERROR and record.rr else None


def _denies(name: str, server: SocketAddress, ask: Ask) -> bool:
    try:
        record = ask(name, QTYPE.A, server, timeout_s=TIMEOUT_S).record
    except NoAnswer:
        return False
    says_so = any(code in _DENIED for code, _ in extended_codes(record))
    leads_nowhere = any(str(one.rdata) in _NOWHERE for one in record.rr if one.rtype == QTYPE.A)
    return says_so or leads_nowhere or record.header.rcode == RCODE.NXDOMAIN


def _certificate(der: bytes | None, now: dt.datetime) -> ForwarderCertificate | None:
    if der is None:
        return None
    certificate = x509.load_der_x509_certificate(der)
    names: tuple[str, ...] = ()
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(one.value) for one in found)
    except x509.ExtensionNotFound:
        pass
    return ForwarderCertificate(names, (certificate.not_valid_after_utc - now).days)
