"""The TCP door, with real connections, a double of the plane and a clock of our own."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.resolver.planes import PATIENCE_S, AnswerPlane, query_for, until

from schoolgate.resolver.framing import frame
from schoolgate.stream import client_connection as stream_connection
from schoolgate.stream.client_connection import StreamLimits
from schoolgate.stream.door import StreamDoor
from schoolgate.stream.listening import ListenAddressUnusable, listening_socket, listening_sockets

LIMITS = StreamLimits(connections=6, connections_per_client=4, idle_s=10.0, message_s=3.0, unread_s=5.0, pipelined=4)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Client:
    """A stream client that speaks in messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, *names: str) -> None:
        self.writer.write(b"".join(frame(query_for(name)) for name in names))

    async def answer(self) -> bytes:
        length = await asyncio.wait_for(self.reader.readexactly(2), PATIENCE_S)
        return await asyncio.wait_for(self.reader.readexactly(int.from_bytes(length)), PATIENCE_S)

    def reset(self) -> None:
        """Leave without a word: RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def is_closed(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(1), PATIENCE_S) == b""
        except ConnectionError:
            return True


class House:
    """A door with its plane, its clock and its clients."""

    def __init__(self) -> None:
        self.plane = AnswerPlane()
        self.clock = Clock()
        self.listeners: list[socket.socket] = []
        self.door: StreamDoor | None = None
        self.clients: list[Client] = []

    async def open(self, limits: StreamLimits = LIMITS, address: str = "127.0.0.1") -> StreamDoor:
        self.listeners = self.listeners or [listening_socket(address, 0)]
        self.door = StreamDoor(self.plane, self.listeners, limits, clock=self.clock)
        await self.door.start()
        return self.door

    async def client(self) -> Client:
        made = Client(*await asyncio.open_connection(*self.listeners[0].getsockname()[:2]))
        self.clients.append(made)
        return made

    async def admitted(self, count: int = 1) -> None:
        """Until the door has seen `count` connections."""
        assert self.door is not None
        stats = self.door.counters
        await until(lambda: stats["connections"] + stats["refused_total"] + stats["refused_per_client"] >= count)

    async def asked(self, count: int) -> None:
        """Until the plane has been asked `count` times."""
        await until(lambda: len(self.plane.asked) >= count)


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    for client in made.clients:
        client.writer.close()
    if made.door is not None:
        await made.door.stop(grace_s=0)
    made.plane.close()


async def test_a_message_is_asked_with_both_addresses_and_answered(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.ask("now.example.com")
    assert await client.answer() == query_for("now.example.com") + b"answered"
    ours = client.writer.get_extra_info("sockname")
    assert house.plane.asked == [(query_for("now.example.com"), *ours, *door.listening[0])]


async def test_ipv6_clients_are_served_and_ipv4_has_its_own_listener(house: House) -> None:
    await house.open(address="::1")
    client = await house.client()
    client.ask("now.example.com")
    await client.answer()
    assert house.plane.asked[0][1] == house.plane.asked[0][3] == "::1"


async def test_answers_go_out_as_they_are_ready_whatever_the_order_of_questions(house: House) -> None:
    await house.open()
    client = await house.client()
    client.ask("one.example", "two.example", "now.example")
    assert b"\3now" in await client.answer()
    house.plane.answer(2)
    assert b"\3two" in await client.answer()
    house.plane.answer(1)
    assert b"\3one" in await client.answer()


async def test_a_message_may_come_octet_by_octet(house: House) -> None:
    await house.open()
    client = await house.client()
    for octet in frame(query_for("now.example")):
        client.writer.write(bytes((octet,)))
        await client.writer.drain()
        await asyncio.sleep(0)
    assert b"\3now" in await client.answer()


async def test_a_client_that_ends_its_side_still_gets_what_is_owed(house: House) -> None:
    await house.open()
    client = await house.client()
    client.ask("one.example", "now.example")
    client.writer.write_eof()
    assert b"\3now" in await client.answer()
    house.plane.answer(1)
    assert b"\3one" in await client.answer()
    assert await client.is_closed()


@pytest.mark.parametrize("octets", [b"\0\0", b"\0\x0b" + bytes(11)])
async def test_a_length_that_cannot_hold_a_header_closes(house: House, octets: bytes) -> None:
    door = await house.open()
    client = await house.client()
    client.writer.write(octets)
    assert await client.is_closed()
    assert house.plane.asked == []
    assert door.stats()["closed_bad_frame"] == 1


async def test_a_message_the_plane_will_not_answer_closes(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.ask("none.example", "now.example")
    assert await client.is_closed()
    assert len(house.plane.asked) == 1
    assert door.stats()["closed_by_verdict"] == 1


async def test_no_more_is_read_while_too_many_messages_wait(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.ask(*(f"n{number}.example" for number in range(10)))
    await house.asked(4)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(house.plane.asked) == 4
    assert door.stats()["paused_pipelined"] >= 1
    for ticket in range(1, 11):
        await house.asked(ticket)
        house.plane.answer(ticket)
        await client.answer()
    assert len(house.plane.asked) == 10


async def test_a_segment_full_of_messages_is_served_in_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 600 messages are read at once; a client that asks after the first of them is served before the last."""
    monkeypatch.setattr(stream_connection, "READ_OCTETS", 64 * 1024)
    house.listeners = [listening_socket("127.0.0.1", 0)]
    greedy, other = await house.client(), await house.client()
    greedy.ask(*["now.example"] * 600)
    await greedy.writer.drain()
    answer = house.plane.ask

    def ask_and_let_the_other_ask(message: bytes, *addresses: Any) -> bytes | int | None:
        if not house.plane.asked:
            other.ask("now.other.example")
        return answer(message, *addresses)

    monkeypatch.setattr(house.plane, "ask", ask_and_let_the_other_ask)
    await house.open()
    for _ in range(600):
        assert await greedy.answer() == query_for("now.example") + b"answered"
    assert await other.answer() == query_for("now.other.example") + b"answered"
    order = [message for message, *_ in house.plane.asked]
    assert order.index(query_for("now.other.example")) < 600


async def test_connections_are_bounded_per_client(house: House) -> None:
    door = await house.open()
    clients = [await house.client() for _ in range(5)]
    await house.admitted(5)
    assert await clients[4].is_closed()
    assert door.stats()["refused_per_client"] == 1
    clients[0].writer.close()
    await until(lambda: door.stats()["open"] < 4)
    another = await house.client()
    another.ask("now.example")
    assert await another.answer()


async def test_connections_are_bounded_in_all(house: House) -> None:
    door = await house.open(LIMITS._replace(connections=2))
    clients = [await house.client() for _ in range(3)]
    assert await clients[2].is_closed()
    assert door.stats()["refused_total"] == 1


async def test_an_idle_connection_is_closed_after_the_limit_and_not_before(house: House) -> None:
    door = await house.open()
    client = await house.client()
    await house.admitted()
    door.sweep(house.clock.now + LIMITS.idle_s)
    assert door.stats()["open"] == 1
    door.sweep(house.clock.now + LIMITS.idle_s + 0.1)
    assert await client.is_closed()
    assert door.stats()["closed_idle"] == 1


async def test_a_connection_that_waits_for_an_answer_is_not_idle(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.ask("one.example")
    await house.asked(1)
    door.sweep(house.clock.now + LIMITS.idle_s + 0.1)
    assert door.stats()["open"] == 1
    house.plane.answer(1)
    assert await client.answer()


async def test_idle_connections_go_early_when_the_house_is_crowded(house: House) -> None:
    door = await house.open(LIMITS._replace(connections=4))
    clients = [await house.client() for _ in range(4)]
    await house.admitted(4)
    door.sweep(house.clock.now + 1.1)
    assert await clients[0].is_closed()
    assert door.stats()["closed_idle"] == 4


async def test_a_message_that_takes_too_long_closes_however_it_trickles(house: House) -> None:
    door = await house.open()
    client = await house.client()
    for octet in frame(query_for("now.example"))[:4]:
        client.writer.write(bytes((octet,)))
        await client.writer.drain()
        await until(lambda: any(one._begun_at for one in door._connections))
        house.clock.now += 0.9
    assert door.stats()["closed_slow_sender"] == 0
    door.sweep(house.clock.now)
    assert door.stats()["closed_slow_sender"] == 1
    assert await client.is_closed()
    assert house.plane.asked == []


async def test_a_client_that_does_not_read_is_asked_no_more_and_then_closed(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.ask(*["huge.example"] * 400)
    await until(lambda: any(one._unread_since for one in door._connections))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(house.plane.asked) < 400
    door.sweep(house.clock.now + LIMITS.unread_s)
    assert door.stats()["open"] == 1
    door.sweep(house.clock.now + LIMITS.unread_s + 0.1)
    assert door.stats()["closed_slow_reader"] == 1


async def test_a_client_that_reads_late_gets_everything(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.ask(*["huge.example"] * 100)
    await until(lambda: any(one._unread_since for one in door._connections))
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(100):
        assert len(await client.answer()) > 60_000


async def test_unread_answers_never_exceed_the_bound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_connection, "WRITE_BUFFER_MAX_OCTETS", 100_000)
    door = await house.open(LIMITS._replace(pipelined=300))
    client = await house.client()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.ask(*["later.example"] * 300)
    await house.asked(300)
    for ticket in range(1, 301):
        house.plane.answer(ticket, bytes(60_000))
    await until(lambda: door.stats()["closed_slow_reader"] == 1)
    await until(lambda: door.stats()["open"] == 0)


async def test_an_answer_for_a_client_that_left_is_dropped_and_counted(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.ask("one.example")
    await house.asked(1)
    client.reset()
    await until(lambda: not door.stats()["open"])
    assert door.stats()["waiting"] == 0
    house.plane.answer(1)
    await until(lambda: door.stats()["answers_without_client"] == 1)


async def test_stopping_sends_what_is_owed_then_closes(house: House) -> None:
    door = await house.open()
    waiting, idle = await house.client(), await house.client()
    waiting.ask("one.example")
    await house.asked(1)
    await house.admitted(2)
    stopping = asyncio.create_task(door.stop(grace_s=PATIENCE_S))
    assert await idle.is_closed()
    house.plane.answer(1)
    assert b"\3one" in await waiting.answer()
    assert await waiting.is_closed()
    await stopping
    assert door.stats()["open"] == 0


async def test_stopping_does_not_wait_for_ever(house: House) -> None:
    door = await house.open()
    client = await house.client()
    client.ask("one.example")
    await house.asked(1)
    await door.stop(grace_s=0.01)
    assert await client.is_closed()


def test_an_address_in_use_is_refused_and_nothing_stays_open() -> None:
    with socket.socket() as taken, socket.socket() as free:
        for sock in (taken, free):
            sock.bind(("127.0.0.1", 0))
        taken.listen()
        port, free_port = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        with pytest.raises(ListenAddressUnusable, match=rf"127\.0\.0\.1 port {port}.*server\.listen"):
            listening_sockets([("127.0.0.1", free_port), ("127.0.0.1", port)])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", free_port))


async def test_who_comes_before_the_door_opens_is_answered_when_it_does(house: House) -> None:
    """At a start the kernel lets clients in while the server still loads what the door is made of."""
    house.listeners = [listening_socket("127.0.0.1", 0)]
    early = await house.client()
    early.ask("now.example")
    await early.writer.drain()
    await house.open()
    assert b"\3now" in await early.answer()


def test_an_ipv6_listener_leaves_ipv4_to_another() -> None:
    with listening_socket("::", 0) as sock, listening_socket("0.0.0.0", sock.getsockname()[1]):
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
