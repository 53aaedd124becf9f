"""Questions over TCP to the stand-in: what may be believed, what ends a wait. UDP: rust/plane/src/tests/exchange.rs."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.stand_in.upstream import StandIn
from tests.unit.resolver.planes import query_for, wire_name
from tests.waiting import PATIENT_S, until_turned

from schoolgate.resolver import exchange as exchange_module
from schoolgate.resolver.exchange import StreamExchanges, matches
from schoolgate.resolver.forwarders import Forwarder
from schoolgate.resolver.query_octets import question_of
from schoolgate.resolver.resolution import Send


class ExchangeOwner:
    """Records what it hears."""

    def __init__(self, name: str, qtype: int = 1) -> None:
        self.key = 0
        self.query = query_for(name, qtype)
        self.question = question_of(self.query)
        self.heard: asyncio.Future[str | bytes] = asyncio.get_running_loop().create_future()

    def replied(self, octets: bytes, now: float) -> None:
        self.heard.set_result(octets)

    def answered(self, forwarder: Forwarder, query: bytes, now: float) -> None:
        self.heard.set_result("answered")

    def damaged(self, octets: bytes, now: float) -> None:
        self.heard.set_result("damaged")

    def guessed(self, now: float) -> None:
        self.heard.set_result("guessed")

    def timed_out(self, now: float) -> None:
        self.heard.set_result("timed out")

    def failed(self, now: float) -> None:
        self.heard.set_result("failed")

    def starved(self, now: float) -> None:
        self.heard.set_result("starved")


def no_defect(owner: object) -> None:
    raise AssertionError(owner)


@pytest_asyncio.fixture
async def exchanges() -> AsyncIterator[StreamExchanges]:
    made = StreamExchanges(asyncio.get_running_loop(), time.monotonic, lambda: None, no_defect)
    yield made
    made.close()


async def ask(
    exchanges: StreamExchanges, owner: ExchangeOwner, forwarder: Forwarder, timeout_s: float = PATIENT_S
) -> str | bytes:
    exchanges.send(owner, Send(forwarder, "tcp", timeout_s), time.monotonic())
    return await asyncio.wait_for(owner.heard, PATIENT_S)


async def test_a_reply_arrives_and_the_forwarder_is_known_to_live(
    upstream: StandIn, exchanges: StreamExchanges
) -> None:
    forwarder = Forwarder(upstream.address, upstream.port)
    octets = await ask(exchanges, ExchangeOwner("www.example.com"), forwarder)
    assert isinstance(octets, bytes)
    assert octets[12:].startswith(wire_name("www.example.com"))
    assert (forwarder.replies, forwarder.failures, len(exchanges)) == (1, 0, 0)


async def test_silence_ends_at_the_timeout(upstream: StandIn, exchanges: StreamExchanges) -> None:
    upstream.is_dead = True
    forwarder = Forwarder(upstream.address, upstream.port)
    assert await ask(exchanges, ExchangeOwner("www.example.com"), forwarder, 0.03) == "timed out"
    assert (forwarder.timeouts, forwarder.failures, len(exchanges)) == (1, 1, 0)


async def test_a_closed_port_fails_at_once(upstream: StandIn, exchanges: StreamExchanges) -> None:
    await upstream.stop()
    forwarder = Forwarder(upstream.address, upstream.port)
    assert await ask(exchanges, ExchangeOwner("www.example.com"), forwarder, 60.0) == "failed"
    assert (forwarder.errors, len(exchanges)) == (1, 0)


async def test_a_reply_in_many_pieces_over_tcp_is_put_together(upstream: StandIn, exchanges: StreamExchanges) -> None:
    upstream.splits_stream = True
    octets = await ask(exchanges, ExchangeOwner("nodata.example.com"), Forwarder(upstream.address, upstream.port))
    assert isinstance(octets, bytes)
    assert octets[3] & 15 == 0


async def test_a_long_reply_over_tcp_is_whole(upstream: StandIn, exchanges: StreamExchanges) -> None:
    octets = await ask(exchanges, ExchangeOwner("big.example.com", 16), Forwarder(upstream.address, upstream.port))
    assert isinstance(octets, bytes)
    assert len(octets) > 5000


async def test_a_forwarder_that_hangs_up_over_tcp_has_failed(upstream: StandIn, exchanges: StreamExchanges) -> None:
    upstream.closes_stream = True
    assert await ask(exchanges, ExchangeOwner("a.example"), Forwarder(upstream.address, upstream.port)) == "failed"


async def test_tcp_exchanges_are_bounded(
    upstream: StandIn, exchanges: StreamExchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "STREAMS_MAX", 1)
    forwarder = Forwarder(upstream.address, upstream.port)
    first, second = ExchangeOwner("www.example.com"), ExchangeOwner("www.example.com")
    exchanges.send(first, Send(forwarder, "tcp", PATIENT_S), time.monotonic())
    exchanges.send(second, Send(forwarder, "tcp", PATIENT_S), time.monotonic())
    assert await second.heard == "starved"
    assert isinstance(await first.heard, bytes)
    assert exchanges.counters["streams_overflow"] == 1
    assert isinstance(await ask(exchanges, ExchangeOwner("www.example.com"), forwarder), bytes)


async def test_a_loop_that_was_held_up_reads_before_it_calls_a_reply_late(
    upstream: StandIn, exchanges: StreamExchanges
) -> None:
    forwarder = Forwarder(upstream.address, upstream.port)
    owner = ExchangeOwner("www.example.com")
    exchanges.send(owner, Send(forwarder, "tcp", PATIENT_S), time.monotonic())
    (attempt,) = exchanges._attempts.values()
    await until_turned(lambda: attempt.dialogue.is_sent)
    asyncio.get_running_loop().remove_reader(exchanges._epoll.fileno())
    await until_turned(lambda: select.select([exchanges._epoll], [], [], 0)[0])
    attempt.expires_at = 0.0
    exchanges._expire()
    assert isinstance(owner.heard.result(), bytes)


async def test_a_defect_in_one_errand_is_told_and_harms_no_other(upstream: StandIn) -> None:
    met: list[object] = []
    exchanges = StreamExchanges(asyncio.get_running_loop(), time.monotonic, lambda: None, met.append)
    forwarder = Forwarder(upstream.address, upstream.port)
    broken, sound = ExchangeOwner("www.example.com"), ExchangeOwner("www.example.org")
    broken.heard.set_result("already")
    exchanges.send(broken, Send(forwarder, "tcp", PATIENT_S), time.monotonic())
    assert isinstance(await ask(exchanges, sound, forwarder), bytes)
    await until_turned(lambda: not len(exchanges))
    assert met == [broken]
    exchanges.close()


async def test_a_defect_met_when_time_is_up_leaves_the_next_question_alone(upstream: StandIn) -> None:
    """The next one has the same descriptor."""
    upstream.is_dead = True
    met: list[object] = []
    exchanges = StreamExchanges(asyncio.get_running_loop(), time.monotonic, lambda: None, met.append)
    forwarder = Forwarder(upstream.address, upstream.port)
    broken, following = ExchangeOwner("www.example.com"), ExchangeOwner("www.example.org")

    def raise_defect(now: float) -> None:
        exchanges.send(following, Send(forwarder, "tcp", 60.0), now)
        raise RuntimeError

    broken.timed_out = raise_defect  # type: ignore[method-assign]
    exchanges.send(broken, Send(forwarder, "tcp", 0.0), time.monotonic())
    await until_turned(lambda: bool(met))
    assert met == [broken]
    assert exchanges.close() == [following]


async def test_closing_gives_back_what_was_under_way(upstream: StandIn) -> None:
    upstream.is_dead = True
    made = StreamExchanges(asyncio.get_running_loop(), time.monotonic, lambda: None, no_defect)
    owner = ExchangeOwner("www.example.com")
    made.send(owner, Send(Forwarder(upstream.address, upstream.port), "tcp", PATIENT_S), time.monotonic())
    assert made.close() == [owner]


IDENT = b"\x12\x34"
QUESTION = wire_name("www.example.com") + b"\0\x41\0\1"
HEADER = IDENT + b"\x81\x80\0\1\0\0\0\0\0\0"


@pytest.mark.parametrize(
    "octets",
    [
        HEADER + QUESTION,
        HEADER + QUESTION + b"records",
        HEADER + wire_name("WWW.Example.COM") + b"\0\x41\0\1",
    ],
)
def test_a_reply_matches_in_any_letter_case(octets: bytes) -> None:
    assert matches(octets, IDENT, QUESTION)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        IDENT,
        HEADER,
        HEADER + QUESTION[:-1],
        b"\x12\x35" + HEADER[2:] + QUESTION,
        IDENT + b"\x01\x00" + HEADER[4:] + QUESTION,  # QR clear
        IDENT + b"\xa1\x80" + HEADER[4:] + QUESTION,  # opcode NOTIFY
        IDENT + b"\x81\x80\0\0" + HEADER[6:] + QUESTION,  # no question
        IDENT + b"\x81\x80\0\2" + HEADER[6:] + QUESTION,
        HEADER + wire_name("www.example.org") + b"\0\x41\0\1",
        HEADER + wire_name("www.example.com") + b"\0\x61\0\1",  # type 97 is not type 65 in capitals
        HEADER + wire_name("www.example.com") + b"\0\x41\0\3",
    ],
)
def test_anything_else_is_no_reply_to_our_question(octets: bytes) -> None:
    assert not matches(octets, IDENT, QUESTION)


@pytest.mark.parametrize("name", ["", "example", "a.b.c.example.com"])
def test_the_question_is_cut_out_of_a_query(name: str) -> None:
    assert question_of(query_for(name, 28)) == wire_name(name) + b"\0\x1c\0\1"
