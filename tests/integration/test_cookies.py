"""DNS cookies (RFC 7873) for a client that asks for nothing else: a query without a question."""

from __future__ import annotations

import socket

import dns.edns
import dns.message
import dns.rcode
import pytest
from tests.integration.serving import GUEST, Serving

CLIENT_COOKIE = b"abcdefgh"
RD = 0x0100


def query(*options: bytes, questions: int = 0, version: int = 0) -> bytes:
    """A query without a question, with OPT if there are options."""
    opt = b"\0\0\x29\x04\xd0\0" + bytes((version,)) + b"\0\0" + len(b"".join(options)).to_bytes(2) + b"".join(options)
    counts = questions.to_bytes(2) + bytes(4) + (1 if options else 0).to_bytes(2)
    return b"\x12\x34" + RD.to_bytes(2) + counts + (opt if options else b"")


def cookie(data: bytes) -> bytes:
    return b"\0\x0a" + len(data).to_bytes(2) + data


def by_udp(server: Serving, packet: bytes) -> dns.message.Message:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((GUEST, 0))
        sock.settimeout(5)
        sock.sendto(packet, ("127.0.0.1", server.port))
        return dns.message.from_wire(sock.recv(4096))


def by_tcp(server: Serving, packet: bytes) -> dns.message.Message:
    with socket.create_connection(("127.0.0.1", server.port), 5, (GUEST, 0)) as sock:
        sock.sendall(len(packet).to_bytes(2) + packet)
        stream = sock.makefile("rb")
        return dns.message.from_wire(stream.read(int.from_bytes(stream.read(2))))


def cookie_of(answer: dns.message.Message) -> bytes:
    found = [option for option in answer.options if option.otype == dns.edns.OptionType.COOKIE]
    assert len(found) == 1
    octets: bytes = found[0].to_wire() or b""
    return octets


@pytest.mark.parametrize("ask", [by_udp, by_tcp])
def test_a_query_without_a_question_gets_a_server_cookie_and_can_confirm_it(server: Serving, ask: object) -> None:
    assert callable(ask)
    first = ask(server, query(cookie(CLIENT_COOKIE)))
    assert (first.id, first.rcode(), first.question, first.answer) == (0x1234, dns.rcode.NOERROR, [], [])
    both = cookie_of(first)
    assert (both[:8], len(both)) == (CLIENT_COOKIE, 24)
    again = ask(server, query(cookie(both)))
    assert (again.rcode(), cookie_of(again)) == (dns.rcode.NOERROR, both)
    wrong = ask(server, query(cookie(CLIENT_COOKIE + b"not-one-of-ours!")))
    assert wrong.rcode() == dns.rcode.BADCOOKIE
    assert cookie_of(wrong)[:8] == CLIENT_COOKIE


@pytest.mark.parametrize(
    "packet",
    [
        query(),
        query(b"\0\x0c\0\0"),
        query(cookie(b"abc")),
        query(cookie(CLIENT_COOKIE)) + b"\0",
        query(cookie(CLIENT_COOKIE), version=1),
        query(cookie(CLIENT_COOKIE), questions=2),
    ],
    ids=["no OPT", "no cookie", "a cookie of 3 octets", "octets after the end", "EDNS version 1", "two questions"],
)
def test_without_a_question_and_without_a_sound_cookie_it_is_a_format_error(server: Serving, packet: bytes) -> None:
    answer = by_udp(server, packet)
    assert (answer.id, answer.rcode(), answer.options) == (0x1234, dns.rcode.FORMERR, ())
