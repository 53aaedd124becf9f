"""Forwarders that answer, but not as they should: without EDNS, with a referral, with half of a chain, too late."""

from __future__ import annotations

import contextlib
import socket

import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.school import (
    UNLIMITED,
    School,
    reasons,
    texts,
)
from tests.failures.upstream import (
    QUESTION,
    Upstream,
    record,
    reply,
    wire,
)

NS, PTR, DS = 2, 12, 43


def truncated(octets: bytes) -> bytes:
    return octets[:2] + bytes((octets[2] | 0x02,)) + octets[3:]


def test_a_thousand_pointer_records_over_tcp_are_an_answer(running: School, upstream: Upstream) -> None:
    # Each name ends in the one that was asked for, so the forwarder's reply is short.
    pointers = [record(QUESTION, PTR, wire(f"host-{at}")[:-1] + QUESTION) for at in range(1000)]
    tried: list[bytes] = []

    def speech(query: bytes) -> list[bytes]:
        tried.append(query)
        return [truncated(reply(query))] if len(tried) == 1 else [reply(query, pointers)]

    upstream.says[b"thousand"] = speech
    answer = running.ask(f"thousand.{'some-department.' * 4}example.org", "PTR", tcp=True)
    assert (answer.rcode(), reasons(answer), len(texts(answer))) == (dns.rcode.NOERROR, set(), 1000)


def test_what_one_worker_has_resolved_no_other_asks_for(school: MakeSchool) -> None:
    with Upstream() as upstream, contextlib.ExitStack() as open_sockets:
        here = school(forwarders=upstream.quoted, workers=2)
        # The kernel chooses the worker by the client's port.
        clients = [open_sockets.enter_context(_client(here)) for _ in range(12)]
        names = [f"shared-{number}" for number in range(25)]
        for name in names:
            for client in clients:
                client.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + wire(f"{name}.example.org") + b"\0\1\0\1")
                assert client.recv(512)[3] & 0x0F == dns.rcode.NOERROR
        assert {name: upstream.times_asked(name) for name in names} == dict.fromkeys(names, 1)


def _client(here: School) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(6.0)
    sock.bind((UNLIMITED, 0))
    sock.connect(("127.0.0.1", here.port))
    return sock
