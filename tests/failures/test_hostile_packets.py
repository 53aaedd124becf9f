"""Packets that no client sends by mistake: each is answered or dropped as decided, and the server goes on."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator

import dns.message
import dns.rcode
import pytest
from tests.failures.school import BLOCKED, UNLIMITED, School
from tests.failures.upstream import wire
from tests.waiting import PATIENT_S, until

QUESTION = wire("www.example.org") + b"\0\1\0\1"
LARGEST_DATAGRAM = 65507
FUZZED = 20_000
# Few enough that the receive queue is never overrun: what the kernel drops proves nothing.
IN_FLIGHT = 32


def message(*, flags: int = 0x0100, counts: tuple[int, int, int, int] = (1, 0, 0, 0), body: bytes = QUESTION) -> bytes:
    header = b"\x12\x34" + flags.to_bytes(2) + b"".join(count.to_bytes(2) for count in counts)
    return header + body


def with_opt(rdata: bytes = b"", *, owner: bytes = b"\0", version: int = 0, length: int | None = None) -> bytes:
    opt = owner + b"\0\x29\x04\xd0\0" + bytes((version,)) + b"\0\0"
    return QUESTION + opt + (len(rdata) if length is None else length).to_bytes(2) + rdata


ANSWERED = {
    "several questions": (message(counts=(2, 0, 0, 0), body=QUESTION * 2), "FORMERR"),
    "no question": (message(counts=(0, 0, 0, 0), body=b""), "FORMERR"),
    "an answer in a query": (message(counts=(1, 1, 0, 0)), "FORMERR"),
    "a name that points at itself": (message(body=b"\xc0\x0c\0\1\0\1"), "FORMERR"),
    "a name that points ahead": (message(body=b"\xc0\x20\0\1\0\1"), "FORMERR"),
    "a label that runs over the end": (message(body=b"\x3fabc"), "FORMERR"),
    "a name of 300 octets": (message(body=b"\x09ninechars" * 30 + b"\0\0\1\0\1"), "FORMERR"),
    "a question cut off": (message(body=QUESTION[:-3]), "FORMERR"),
    "octets after the end": (message(body=QUESTION + b"\0"), "FORMERR"),
    "opcode IQUERY": (message(flags=0x0900), "NOTIMP"),
    "opcode STATUS": (message(flags=0x1100), "NOTIMP"),
    "opcode NOTIFY": (message(flags=0x2100), "NOTIMP"),
    "opcode UPDATE": (message(flags=0x2900), "NOTIMP"),
    "opcode 15": (message(flags=0x7900), "NOTIMP"),
    "class CHAOS": (message(body=wire("version.bind") + b"\0\x10\0\3"), "REFUSED"),
    "class ANY": (message(body=QUESTION[:-2] + b"\0\xff"), "REFUSED"),
    "class 0": (message(body=QUESTION[:-2] + b"\0\0"), "REFUSED"),
    "a zone transfer": (message(body=wire("example.org") + b"\0\xfc\0\1"), "REFUSED"),
    "type OPT": (message(body=wire("example.org") + b"\0\x29\0\1"), "FORMERR"),
    "two OPT": (message(counts=(1, 0, 0, 2), body=with_opt() + with_opt()[len(QUESTION) :]), "FORMERR"),
    "an OPT with a name": (message(counts=(1, 0, 0, 1), body=with_opt(owner=b"\1a\0")), "FORMERR"),
    "an OPT that runs over the end": (message(counts=(1, 0, 0, 1), body=with_opt(length=40)), "FORMERR"),
    "an option that runs over its OPT": (message(counts=(1, 0, 0, 1), body=with_opt(b"\0\x0a\0\xff")), "FORMERR"),
    "a cookie of 3 octets": (message(counts=(1, 0, 0, 1), body=with_opt(b"\0\x0a\0\3abc")), "FORMERR"),
    "EDNS version 7": (message(counts=(1, 0, 0, 1), body=with_opt(version=7)), "BADVERS"),
    "longer than 4096 octets": (message(body=QUESTION + bytes(5000)), "FORMERR"),
    "the largest datagram": (message(body=QUESTION + bytes(LARGEST_DATAGRAM - 12 - len(QUESTION))), "FORMERR"),
}
DROPPED = {
    "empty": b"",
    "one octet": b"\0",
    "eleven octets": message()[:11],
    "a response": message(flags=0x8180),
    "a response with opcode UPDATE": message(flags=0xA980),
}


@pytest.fixture
def door(running: School) -> Iterator[socket.socket]:
    """A client's UDP socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((UNLIMITED, 0))
        sock.connect(("127.0.0.1", running.port))
        sock.settimeout(PATIENT_S)
        yield sock


@pytest.mark.parametrize("what", ANSWERED)
def test_a_packet_that_is_no_query_is_answered_with_the_error_decided(
    running: School, door: socket.socket, what: str
) -> None:
    packet, rcode = ANSWERED[what]
    door.send(packet)
    answer = dns.message.from_wire(door.recv(65535), ignore_trailing=False)
    assert (answer.id, dns.rcode.to_text(answer.rcode())) == (0x1234, rcode)
    assert not answer.answer


@pytest.mark.parametrize("what", DROPPED)
def test_what_could_start_a_loop_is_dropped_and_counted(running: School, door: socket.socket, what: str) -> None:
    before = running.counter("silent")
    door.send(DROPPED[what])
    # Only the query sent after it is answered.
    door.send(message(flags=0x2900))
    assert len(door.recv(65535)) >= 12
    assert running.counter("silent") == before + 1
    door.setblocking(False)
    with pytest.raises(BlockingIOError):
        door.recv(65535)


def test_sixteen_thousand_options_over_tcp_are_one_query(running: School) -> None:
    options = b"\xfd\xe9\0\0" * 16_000
    packet = message(counts=(1, 0, 0, 1), body=with_opt(options))
    with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENT_S) as client:
        client.sendall(len(packet).to_bytes(2) + packet)
        length = int.from_bytes(_exactly(client, 2))
        answer = dns.message.from_wire(_exactly(client, length))
    assert answer.rcode() == dns.rcode.NOERROR
    assert length < 512, "unknown options are not echoed"


def test_a_bad_message_over_tcp_is_answered_and_the_connection_goes_on(running: School) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENT_S) as client:
        for packet in (message(counts=(2, 0, 0, 0), body=QUESTION * 2), message()):
            client.sendall(len(packet).to_bytes(2) + packet)
        codes = [_exactly(client, int.from_bytes(_exactly(client, 2)))[3] & 0x0F for _ in range(2)]
    assert sorted(codes) == [dns.rcode.NOERROR, dns.rcode.FORMERR]


def test_a_frame_shorter_than_a_header_closes_its_connection_only(running: School) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENT_S) as client:
        client.sendall(b"\0\1\0")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert running.ask(BLOCKED, tcp=True).rcode() == dns.rcode.NXDOMAIN


def test_twenty_thousand_random_packets_stop_nothing(running: School, door: socket.socket) -> None:
    chance = random.Random(20_000)
    before = running.status()["counters"]
    for at in range(FUZZED):
        door.send(_damaged(chance))
        if at % IN_FLIGHT == IN_FLIGHT - 1:
            _drain(running, door, at)
    until(lambda: running.counter("queries") >= before["queries"] + FUZZED)
    counted = running.status()
    assert counted["workers_alive"] == counted["workers"]
    assert counted["counters"]["panics"] == counted["counters"]["late_panics"] == 0
    assert counted["counters"]["refusals"] > before["refusals"]
    assert not list((running.state / "crashes").iterdir())
    assert running.filters()


def _damaged(chance: random.Random) -> bytes:
    """Half noise, half a good query with a few octets changed: the second get further."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(0, 600))
    # A blocked name: what is still a query needs no forwarder.
    name = wire(BLOCKED) + b"\0\1\0\1"
    packet = bytearray(message(counts=(1, 0, 0, 1), body=name + with_opt(b"\0\x0a\0\x08abcdefgh")[len(QUESTION) :]))
    for _ in range(chance.randrange(1, 5)):
        packet[chance.randrange(len(packet))] = chance.randrange(256)
    return bytes(packet[: chance.choice((len(packet), chance.randrange(len(packet))))])


def _drain(running: School, door: socket.socket, at: int) -> None:
    """Reads the answer to a query that stands behind all others, and so everything before it."""
    door.send(b"\xff\xfe" + message()[2:12] + wire("localhost") + b"\0\1\0\1")
    try:
        while not door.recv(65535).startswith(b"\xff\xfe"):
            pass
    except TimeoutError:
        pytest.fail(f"no answer behind packet {at}: {running.status()['counters']}")


def _exactly(client: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = client.recv(count - len(received))
        assert part, "closed"
        received += part
    return received
