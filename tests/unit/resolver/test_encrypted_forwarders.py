"""Forwarders over TLS and TCP: the whole way from a client's question to a real TLS server and back, never plain."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.failures.upstream import reply
from tests.stand_in.https_upstream import HttpsUpstream
from tests.stand_in.tls_upstream import (
    ADDRESS,
    Says,
    TlsUpstream,
    answer,
    garbage,
    other_id,
    other_question,
    server_context,
)
from tests.unit.resolver.planes import OpenPlane
from tests.waiting import PATIENT_S

from schoolgate.checks.forwarders import check_forwarders
from schoolgate.config import SocketAddress
from schoolgate.config.forwarder_address import ConnectedServer, Transport
from schoolgate.resolver.forwarder_directory import ForwarderDirectory
from schoolgate.resolver.forwarders import Routes
from schoolgate.resolver.resolution import EDE_NETWORK_ERROR, EDE_NO_REACHABLE_AUTHORITY, Patience
from schoolgate.resolver.resolver_service import ResolverService

NAME = "dns.example.net"
SERVFAIL = 2


class Pairs:
    """An authority, and pairs that it has issued, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.root = folder / "root.pem"
        self.authority.cert_pem.write_to_path(self.root)
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        self.issue()

    def issue(self, name: str = NAME, **until: Any) -> None:
        pair = self.authority.issue_cert(name, **until)
        self.chain.write_bytes(pair.cert_chain_pems[0].bytes())
        self.key.write_bytes(pair.private_key_pem.bytes())

    @property
    def pin(self) -> str:
        key = x509.load_pem_x509_certificate(self.chain.read_bytes()).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Hall:
    """A plane that allows everything, a resolver and its forwarders."""

    def __init__(self, plane: OpenPlane, resolver: ResolverService, directory: ForwarderDirectory) -> None:
        self.plane = plane
        self.resolver = resolver
        self.directory = directory
        self.upstreams: list[TlsUpstream] = []

    def ask_of(self, *servers: ConnectedServer, tries: int = 3, **how: Any) -> None:
        """One try where a failure is expected; else a busy machine has more."""
        self.resolver.install(Routes(self.directory.forwarder_set(servers, **how)), Patience(tries=tries))

    @property
    def events(self) -> dict[str, int]:
        """Of the first forwarder's connections."""
        counted: dict[str, int] = self.resolver.health()[0]["connections"]["events"]
        return counted


Serve = Callable[..., Any]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    return Pairs(tmp_path_factory.mktemp("pairs"))


@pytest_asyncio.fixture
async def hall() -> AsyncIterator[Hall]:
    plane, directory = OpenPlane(), ForwarderDirectory()
    nowhere = Routes(directory.forwarder_set(["127.0.0.1:9"]))
    resolver = ResolverService(plane.core, nowhere)
    resolver.start()
    hall = Hall(plane, resolver, directory)
    yield hall
    for one in hall.upstreams:
        await one.stop()
    resolver.close()
    plane.close()


async def serve(hall: Hall, pairs: Pairs, says: Says | None = None, *, transport: Transport = "tls") -> TlsUpstream:
    """A server that is there until the end of the test."""
    context = server_context(pairs.chain, pairs.key) if transport == "tls" else None
    upstream = TlsUpstream(context, *([says] if says else []))
    await upstream.start()
    hall.upstreams.append(upstream)
    return upstream


def by_tls(pairs: Pairs, upstream: TlsUpstream, name: str = NAME, pins: tuple[str, ...] = ()) -> ConnectedServer:
    return ConnectedServer("127.0.0.1", upstream.port, "tls", name=name, pins=pins, roots=pairs.root)


def addresses(heard: Any) -> list[str]:
    return [str(one) for rrset in heard.message.answer for one in rrset]


EXPECTED = [".".join(map(str, ADDRESS))]


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["tls", "tcp"])
async def test_many_questions_share_few_connections_and_come_in_any_order(
    hall: Hall, pairs: Pairs, transport: Transport
) -> None:
    upstream = await serve(hall, pairs, transport=transport)
    upstream.holds_back = 5
    if transport == "tls":
        hall.ask_of(by_tls(pairs, upstream))
    else:
        hall.ask_of(ConnectedServer("127.0.0.1", upstream.port, "tcp"))
    heard = await asyncio.gather(*(hall.plane.ask(f"n{number}.example.org") for number in range(5)))
    assert [addresses(one) for one in heard] == [EXPECTED] * 5
    assert upstream.connections == 1
    if transport == "tls":
        assert upstream.protocols == ["dot"]
        assert {len(query) % 128 for query in upstream.queries} == {0}
    assert {query[2] for query in upstream.queries} == {1}
    assert len({query[:2] for query in upstream.queries}) == 5
    health = hall.resolver.health()[0]
    assert (health["transport"], health["connections"]["open"], health["problem"]) == (transport, 1, None)


@pytest.mark.asyncio
async def test_a_connection_that_died_costs_one_more_question_and_no_failure(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    hall.ask_of(by_tls(pairs, upstream))
    assert addresses(await hall.plane.ask("first.example.org")) == EXPECTED
    # It dies while a question waits there.
    upstream.is_mute = True
    waits = hall.plane.put("second.example.org")
    await upstream.asked(2)
    upstream.is_mute = False
    upstream.cut_connections()
    assert addresses(await asyncio.wait_for(waits, PATIENT_S)) == EXPECTED
    assert upstream.connections == 2
    assert upstream.resumed == [False, True]
    health = hall.resolver.health()[0]
    assert (health["timeouts"], health["network_errors"], health["failures_in_a_row"]) == (0, 0, 0)
    assert (hall.events["asked_again"], hall.events["closed_by_forwarder"]) == (1, 1)


@pytest.mark.asyncio
async def test_a_connection_that_fell_silent_is_passed_by(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    hall.ask_of(by_tls(pairs, upstream))
    await hall.plane.ask("first.example.org")
    upstream.is_mute = True
    waits = hall.plane.put("second.example.org")
    await upstream.asked(2)
    # What comes over that connection is read and never answered; the next one is.
    upstream.is_mute = False
    assert addresses(await asyncio.wait_for(waits, PATIENT_S)) == EXPECTED
    assert upstream.connections == 2
    assert hall.resolver.health()[0]["timeouts"] == 0


@pytest.mark.asyncio
async def test_a_server_that_closes_after_each_answer_answers_all(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    upstream.closes_after_each = True
    hall.ask_of(by_tls(pairs, upstream))
    heard = await asyncio.gather(*(hall.plane.ask(f"n{number}.example.org") for number in range(6)))
    assert [addresses(one) for one in heard] == [EXPECTED] * 6
    assert hall.resolver.health()[0]["network_errors"] == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("pair", "name", "pins", "said"),
    [
        ({}, "other.example.net", (), "not for the name other.example.net"),
        ({"not_after": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}, NAME, (), "has expired"),
        ({}, NAME, (base64.b64encode(bytes(32)).decode(), base64.b64encode(b"1" * 32).decode()), "none of the pins"),
    ],
)
async def test_a_server_that_is_not_believed_is_never_asked(
    hall: Hall, tmp_path: Path, pair: dict[str, Any], name: str, pins: tuple[str, ...], said: str
) -> None:
    pairs = Pairs(tmp_path)
    pairs.issue(**pair)
    upstream = await serve(hall, pairs)
    hall.ask_of(by_tls(pairs, upstream, name, pins), tries=1)
    heard = await hall.plane.ask("www.example.org")
    assert (heard.rcode, heard.reasons) == (SERVFAIL, {EDE_NETWORK_ERROR})
    assert upstream.queries == []
    assert said in hall.resolver.health()[0]["problem"]
    assert hall.events["failed_tls"] >= 1


@pytest.mark.asyncio
async def test_an_authority_that_is_not_trusted_and_one_that_cannot_be_read(
    hall: Hall, pairs: Pairs, tmp_path: Path
) -> None:
    upstream = await serve(hall, pairs)
    stranger = ConnectedServer("127.0.0.1", upstream.port, "tls", name=NAME)
    unreadable = ConnectedServer("127.0.0.1", upstream.port, "tls", name=NAME, roots=tmp_path / "none.pem")
    for server, said in ((stranger, "no authority that we trust"), (unreadable, "none.pem cannot be read")):
        hall.ask_of(server, tries=1)
        heard = await hall.plane.ask(f"{len(said)}.example.org")
        assert heard.rcode == SERVFAIL
        assert said in hall.resolver.health()[0]["problem"]
    assert upstream.queries == []


@pytest.mark.asyncio
async def test_one_of_two_pins_is_enough(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    hall.ask_of(by_tls(pairs, upstream, pins=(base64.b64encode(bytes(32)).decode(), pairs.pin)))
    assert addresses(await hall.plane.ask("www.example.org")) == EXPECTED


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("says", "event", "reason"),
    [
        (other_id, "strays", EDE_NO_REACHABLE_AUTHORITY),
        (other_question, "closed_broken", EDE_NETWORK_ERROR),
        (garbage, "closed_broken", EDE_NETWORK_ERROR),
    ],
)
async def test_what_is_no_reply_to_the_question_is_believed_by_nobody(
    hall: Hall, pairs: Pairs, says: Says, event: str, reason: int
) -> None:
    upstream = await serve(hall, pairs, says)
    hall.ask_of(by_tls(pairs, upstream), tries=1)
    heard = await hall.plane.ask("www.example.org")
    assert (heard.rcode, heard.reasons) == (SERVFAIL, {reason})
    assert hall.events[event] >= 1
    assert upstream.connections <= 3


@pytest.mark.asyncio
async def test_half_an_answer_is_none(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    upstream.cuts = True
    hall.ask_of(by_tls(pairs, upstream), tries=1)
    heard = await hall.plane.ask("www.example.org")
    assert (heard.rcode, heard.reasons) == (SERVFAIL, {EDE_NO_REACHABLE_AUTHORITY})


@pytest.mark.asyncio
async def test_a_flood_is_bounded(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    upstream.is_mute = True
    hall.ask_of(by_tls(pairs, upstream), tries=1)
    waits = [hall.plane.put(f"n{number}.example.org") for number in range(10_000)]
    heard = await asyncio.wait_for(asyncio.gather(*waits), PATIENT_S)
    assert {one.rcode for one in heard} == {SERVFAIL}
    # Four connections of 1024 each, and what is asked once more when they fell silent.
    assert upstream.most_waiting <= 1024
    assert upstream.connections <= 8


@pytest.mark.asyncio
async def test_without_encryption_nothing_is_asked_unless_that_is_set(hall: Hall, pairs: Pairs, upstream: Any) -> None:
    dead = ConnectedServer("127.0.0.1", 9, "tls", name=NAME, roots=pairs.root)
    hall.ask_of(dead)
    forwarder = hall.directory.forwarder_set([dead]).forwarders[0]
    forwarder.failures, forwarder.is_up = 9, False
    hall.resolver.name_forwarders(0.0)
    assert (await hall.plane.ask("www.example.org")).rcode == SERVFAIL
    assert not hall.resolver.is_unencrypted
    hall.ask_of(dead, fallback=[SocketAddress("127.0.0.1", upstream.port)])
    heard = await hall.plane.ask("www.example.net")
    assert heard.rcode == 0
    assert hall.resolver.is_unencrypted


async def serve_https(hall: Hall, pairs: Pairs, says: Says | None = None) -> HttpsUpstream:
    upstream = HttpsUpstream(server_context(pairs.chain, pairs.key, "h2"), *([says] if says else []))
    await upstream.start()
    hall.upstreams.append(upstream)
    return upstream


def by_https(pairs: Pairs, upstream: TlsUpstream) -> ConnectedServer:
    return ConnectedServer("127.0.0.1", upstream.port, "https", name=NAME, path="/dns-query", roots=pairs.root)


@pytest.mark.asyncio
async def test_by_https_each_question_is_a_request_of_one_connection(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve_https(hall, pairs)
    hall.ask_of(by_https(pairs, upstream))
    heard = await asyncio.gather(*(hall.plane.ask(f"n{number}.example.org") for number in range(30)))
    assert [addresses(one) for one in heard] == [EXPECTED] * 30
    assert (upstream.connections, upstream.protocols) == (1, ["h2"])
    assert {query[:2] for query in upstream.queries} == {b"\0\0"}
    assert {len(query) % 128 for query in upstream.queries} == {0}
    request = upstream.requests[0]
    assert (request[":method"], request[":path"], request[":authority"]) == ("POST", "/dns-query", NAME)
    # The connection dies while a question waits there.
    upstream.is_mute = True
    waits = hall.plane.put("late.example.org")
    await upstream.asked(31)
    upstream.is_mute = False
    upstream.cut_connections()
    assert addresses(await asyncio.wait_for(waits, PATIENT_S)) == EXPECTED
    assert hall.resolver.health()[0]["network_errors"] == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("how", [{"status": 503}, {"media_type": "text/html"}, {"says": other_question}])
async def test_by_https_what_is_no_dns_answer_is_a_failure(hall: Hall, pairs: Pairs, how: dict[str, Any]) -> None:
    upstream = await serve_https(hall, pairs)
    for name, value in how.items():
        setattr(upstream, name, value)
    hall.ask_of(by_https(pairs, upstream), tries=1)
    heard = await hall.plane.ask("www.example.org")
    assert (heard.rcode, heard.reasons) == (SERVFAIL, {EDE_NETWORK_ERROR})


@pytest.mark.asyncio
async def test_a_server_without_http2_is_not_asked(hall: Hall, pairs: Pairs) -> None:
    upstream = await serve(hall, pairs)
    hall.ask_of(by_https(pairs, upstream), tries=1)
    assert (await hall.plane.ask("www.example.org")).rcode == SERVFAIL
    assert upstream.queries == []


# -- the check --------------------------------------------------------------------------------------------------------


def well_known(query: bytes) -> Any:
    """Validates, knows no name below .com, and filters one."""
    asked = query[12:].lower()
    if asked.startswith(b"\x0bisitblocked"):
        return (reply(query, rcode=3),)
    if b"\x03com\0" in asked and len(asked) > 24 and asked[0] == 24:
        return (reply(query, rcode=3),)
    (good,) = answer(query)
    return (good[:3] + bytes((good[3] | 0x20,)) + good[4:],)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["tls", "https"])
async def test_the_check_says_what_an_encrypted_forwarder_is_like(hall: Hall, pairs: Pairs, kind: str) -> None:
    upstream = await (serve(hall, pairs, well_known) if kind == "tls" else serve_https(hall, pairs, well_known))
    server = by_tls(pairs, upstream) if kind == "tls" else by_https(pairs, upstream)
    found = await asyncio.to_thread(check_forwarders, [("", server)], dt.datetime.now(dt.UTC))
    (one,) = found.forwarders
    assert (one.is_reached, one.transport, one.nxdomain, one.validates) == (True, kind, "honest", True)
    assert one.denies == ("isitblocked.org",)
    assert one.certificate is not None
    assert one.certificate.names == (NAME,)
    assert one.opened_ms is not None
    assert found.sentences() == ()


@pytest.mark.asyncio
async def test_the_check_tells_who_rewrites_who_is_not_believed_and_what_ends(
    hall: Hall, tmp_path: Path, upstream: Any
) -> None:
    pairs = Pairs(tmp_path)
    now = dt.datetime.now(dt.UTC)
    pairs.issue(not_after=now + dt.timedelta(days=3, hours=1))
    rewriting = await serve(hall, pairs)
    servers = [
        ("", by_tls(pairs, rewriting)),
        ("", by_tls(pairs, rewriting, "other.example.net")),
        ("corp.example", SocketAddress("127.0.0.1", upstream.port)),
    ]
    found = await asyncio.to_thread(check_forwarders, servers, now)
    first, second, plain = found.forwarders
    assert (first.nxdomain, first.validates) == ("rewritten", False)
    assert (second.is_reached, "not for the name" in second.said) == (False, True)
    assert (plain.is_reached, plain.transport, plain.certificate, plain.nxdomain) == (True, "udp", None, None)
    said = "\n".join(found.sentences())
    assert "ends in 3 days" in said
    assert "mistyped names" in said
    assert "does not answer" in said
    assert found.whole()["forwarders"][2]["zone"] == "corp.example"
