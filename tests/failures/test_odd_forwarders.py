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


def test_the_ds_record_of_a_forwarded_zone_is_asked_of_the_parents_side(school: MakeSchool) -> None:
    with Upstream() as inside, Upstream() as outside:
        data = record(QUESTION, DS, b"\x12\x34\x0d\2" + bytes(32))
        inside.says_else = outside.says_else = lambda query: [reply(query, [data])]
        zone = f'[[forward_zones]]\nzone = "corp.example"\nservers = [{inside.quoted}]\n'
        here = school(forwarders=outside.quoted, settings=zone)
        for name in ("corp.example", "below.corp.example"):
            assert len(texts(here.ask(name, "DS"))) == 1
        assert (inside.asked, outside.asked) == ([b"below"], [b"corp"])


def test_a_further_try_for_the_ds_record_stays_on_the_parents_side(school: MakeSchool) -> None:
    with Upstream() as inside, Upstream() as outside, Upstream() as outside_too:
        outside.says_else = lambda query: [reply(query, rcode=2)]
        outside_too.says_else = lambda query: [reply(query, rcode=2)]
        zone = f'[[forward_zones]]\nzone = "corp.example"\nservers = [{inside.quoted}]\n'
        here = school(forwarders=f"{outside.quoted}, {outside_too.quoted}", settings=zone)
        assert dns.rcode.to_text(here.ask("corp.example", "DS").rcode()) == "SERVFAIL"
        assert (inside.asked, outside.asked, outside_too.asked) == ([], [b"corp"], [b"corp"])


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
