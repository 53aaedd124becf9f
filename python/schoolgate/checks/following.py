"""What a question gets, followed to its end as the server follows it, and recorded nowhere.

A plane of its own, with the lists and policy of the server and no worker threads, decides, asks the forwarders and
judges the answer: the same code, so the same verdict. The query log stays as it was: a question that an administrator
asks must never stand there as one of a device.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import orjson
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord
from dnslib.dns import DNSError

from schoolgate import _core
from schoolgate._core import Plane, PolicyTable, SealedList, Snapshot
from schoolgate.config import Settings, SocketAddress
from schoolgate.errors import SchoolgateError
from schoolgate.resolver import forwarding
from schoolgate.resolver.forwarder_directory import ForwarderDirectory
from schoolgate.resolver.forwarders import Routes
from schoolgate.resolver.resolver_service import ResolverService
from schoolgate.resolver.stub_resolver import EDNS_OCTETS, NoAnswer, ask, extended_codes

# The plane itself ends a question after about 4 s.
LONGEST_WAIT_S = 8.0
CACHE_OCTETS = 1 << 20
_CLIENT_PORT = 5353
# RFC 8914: Blocked, Censored, Filtered; Prohibited.
_DENIED, _CENSORED, _PROHIBITED = frozenset({15, 16, 17}), 16, 18
_ADDRESSES, _ALIASES = (QTYPE.A, QTYPE.AAAA), (QTYPE.CNAME, QTYPE.DNAME)

Outcome = Literal["allowed", "denied", "refused", "failed"]


class NotFollowed(SchoolgateError):
    """The question cannot be asked of the lists and policy at hand."""


@dataclass(frozen=True)
class Question:
    """What is asked, by which device, of which address of ours."""

    name: str
    qtype: int
    client: str
    local: SocketAddress


@dataclass(frozen=True)
class Basis:
    """What decides: the lists and the policy of an instant."""

    snapshot: Snapshot
    table: PolicyTable
    sealed: SealedList | None


@dataclass(frozen=True)
class Followed:
    """The answer that the client gets. `reasons`: extended errors, code and text (RFC 8914). `records`: its answer
    section as text. `leads_to`: names and addresses that the answer of a forwarder reveals, where the answer was denied
    for one of them; `closed_by` is that one with who says so. Nothing of a sealed list is in either."""

    outcome: Outcome
    rcode: str
    reasons: tuple[tuple[int, str], ...]
    records: tuple[str, ...]
    leads_to: tuple[str, ...] = ()
    closed_by: str | None = None


def follow(settings: Settings, basis: Basis, question: Question) -> Followed:
    """Asks, and waits for the forwarders of the settings. Raises `NotFollowed` for what is no name. Blocks."""
    listening = tuple(settings.server.listen)
    servers = forwarding.default_servers(settings, listening)
    routes = forwarding.routes(settings, servers, ForwarderDirectory({(one.host, one.port) for one in listening}))
    message = _message(question)
    answer = asyncio.run(_answer(settings, basis, routes, question, message))
    return _followed(answer, basis, routes, question)


def _message(question: Question) -> bytes:
    try:
        record = DNSRecord.question(question.name)
        record.q.qtype = question.qtype
        record.header.id = secrets.randbelow(65536)
        record.add_ar(EDNS0(udp_len=EDNS_OCTETS))
        return bytes(record.pack())
    except (DNSError, UnicodeError, ValueError) as error:
        raise NotFollowed(f"{question.name} cannot be asked: {error}; write a name such as www.example.org") from error


async def _answer(settings: Settings, basis: Basis, routes: Routes, question: Question, message: bytes) -> bytes | None:
    """The answer message; None where the server would say nothing."""
    loop = asyncio.get_running_loop()
    # Port 0 of the loopback address: a socket that no worker reads.
    laid_out = settings.cache.model_dump(include={"min_ttl_s", "max_ttl_s", "max_negative_ttl_s"})
    laid_out |= {"listen": ["127.0.0.1:0"], "workers": 1, "cache_octets": CACHE_OCTETS, "query_log": None}
    plane = Plane(orjson.dumps(laid_out), basis.snapshot, basis.table, basis.sealed)
    resolver = ResolverService(plane, routes, loop, patience=forwarding.patience(settings))
    resolver.start()
    try:
        local = question.local
        asked = plane.ask(message, question.client, _CLIENT_PORT, local.host, local.port)
        if not isinstance(asked, int):
            return asked
        answered: asyncio.Future[bytes] = loop.create_future()

        def take() -> None:
            for ticket, answer in plane.take_answers():
                if ticket == asked and not answered.done():
                    answered.set_result(answer)

        loop.add_reader(plane.answers_fd(), take)
        try:
            return await asyncio.wait_for(answered, LONGEST_WAIT_S)
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(plane.answers_fd())
    finally:
        resolver.close()
        plane.stop()


def _followed(answer: bytes | None, basis: Basis, routes: Routes, question: Question) -> Followed:
    if answer is None:
        return Followed("refused", "no answer", (), ())
    record = DNSRecord.parse(answer)
    reasons = tuple(extended_codes(record))
    records = tuple(f"{one.rname} {one.ttl} {QTYPE.get(one.rtype)} {one.rdata}" for one in record.rr)
    outcome = _outcome(record, {code for code, _ in reasons})
    rcode = str(RCODE.get(record.header.rcode))
    if (
        outcome != "denied"
        or any(code == _CENSORED for code, _ in reasons)
        or _is_denied(basis, question.name, question)
    ):
        return Followed(outcome, rcode, reasons, records)
    leads_to = tuple(_revealed(routes, question))
    said = reasons[0][1] or "denied"
    return Followed(outcome, rcode, reasons, records, leads_to, _closed_by(leads_to, basis, question, said))


def _outcome(record: DNSRecord, codes: set[int]) -> Outcome:
    if codes & _DENIED:
        return "denied"
    if _PROHIBITED in codes or record.header.rcode == RCODE.REFUSED:
        return "refused"
    return "failed" if record.header.rcode == RCODE.SERVFAIL else "allowed"


def _revealed(routes: Routes, question: Question) -> Iterator[str]:
    """Names and addresses in the answer of a forwarder: a denied answer does not hold them."""
    name = question.name.rstrip(".").lower()
    for forwarder in routes.select(name).forwarders[:1]:
        try:
            reply = ask(name, question.qtype, forwarder.socket_address)
        except NoAnswer:
            return
        for one in reply.record.rr:
            if one.rtype in _ADDRESSES:
                yield str(one.rdata)
            elif one.rtype in _ALIASES:
                yield str(one.rdata).rstrip(".").lower()


def _closed_by(leads_to: tuple[str, ...], basis: Basis, question: Question, said: str) -> str | None:
    """The first name that is denied by itself, else the addresses; `said` is what the answer gives as its reason."""
    addresses: list[str] = []
    for one in leads_to:
        if _is_ip_address(one):
            addresses.append(one)
            continue
        decision = _decision(basis, one, question)
        if decision is not None and decision["effect"] == "deny" and decision["layer"] != "sealed":
            return f"{one}, which is denied: {decision['category'] or decision['rule']}"
    return f"{', '.join(addresses)}: {said}" if addresses else None


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_denied(basis: Basis, name: str, question: Question) -> bool:
    decision = _decision(basis, name, question)
    return decision is None or decision["effect"] == "deny"


def _decision(basis: Basis, name: str, question: Question) -> dict[str, str | None] | None:
    local = question.local
    try:
        told = _core.explain(
            basis.snapshot, basis.table, name, question.qtype, question.client, local.host, local.port, basis.sealed
        )
    except ValueError:  # a target that no list can name
        return None
    decision: dict[str, str | None] | None = orjson.loads(told)["decision"]
    return decision
