"""Forwarders that answer, but not as they should: without EDNS, with a referral, with half of a chain, too late."""

from __future__ import annotations

import contextlib
import socket

import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.school import (
    UNLIMITED,
    School,
)
from tests.failures.upstream import (
    Upstream,
    wire,
)


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
