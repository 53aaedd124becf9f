"""What clients do to plain TCP: many behind one address, connections that hang, frames that are none."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator

import dns.message
import dns.rcode
import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import BLOCKED, LOCAL, PUPIL, STAFF, UNLIMITED, School
from tests.failures.upstream import Upstream
from tests.waiting import PATIENT_S, until

# A classroom behind one address.
SHARED = """
format = 1
time_zone = "Europe/London"
allowed_clients = ["127.0.0.0/24"]
strictest = "all"
[policies.all]
categories = { gambling = "deny" }
[segments.alone]
prefixes = ["127.0.0.0/25"]
policy = "all"
[segments.shared]
prefixes = ["127.0.0.128/25"]
policy = "all"
rate_limit = { qps = 100, burst = 200, devices = 3 }
"""
SHARED_ADDRESS = "127.0.0.200"
BY_DEFAULT_PER_CLIENT = 16


def framed(*names: str) -> bytes:
    messages = [dns.message.make_query(name, "A", use_edns=0).to_wire() for name in names]
    return b"".join(len(one).to_bytes(2) + one for one in messages)


@contextlib.contextmanager
def client_of(here: School, source: str = PUPIL) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", here.port), PATIENT_S, source_address=(source, 0)) as sock:
        yield sock


def answer(sock: socket.socket) -> dns.message.Message:
    return dns.message.from_wire(exactly(sock, int.from_bytes(exactly(sock, 2))))


def exactly(sock: socket.socket, octets: int) -> bytes:
    found = b""
    while len(found) < octets:
        more = sock.recv(octets - len(found))
        assert more, "the connection ended"
        found += more
    return found


def is_closed(sock: socket.socket) -> bool:
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass
    return True


def asked(sock: socket.socket, name: str = BLOCKED) -> dns.rcode.Rcode:
    sock.sendall(framed(name))
    return answer(sock).rcode()


def test_idle_connections_of_one_address_lock_out_none_of_those_behind_it(school: MakeSchool) -> None:
    """Of a client that is full, the connection that has been idle longest makes room (RFC 7766 section 6.2.3)."""
    here = school(settings="\n[tcp]\nidle_s = 300\n")
    with contextlib.ExitStack() as stack:
        hanging = []
        for _ in range(BY_DEFAULT_PER_CLIENT):
            hanging.append(stack.enter_context(client_of(here)))
            assert asked(hanging[-1]) == dns.rcode.NXDOMAIN
        others = [stack.enter_context(client_of(here)) for _ in range(3)]
        assert [asked(sock) for sock in others] == [dns.rcode.NXDOMAIN] * 3
        assert all(is_closed(sock) for sock in hanging[:3]), "the oldest went"
        assert asked(hanging[3]) == dns.rcode.NXDOMAIN
    counted = here.status()["tcp"]
    assert (counted["closed_for_new"], counted["refused_per_client"]) == (3, 0)


def test_a_client_whose_connections_all_wait_for_answers_gets_no_more_and_loses_none(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.says[b"waits"] = lambda query: ()
        here = school(forwarders=upstream.quoted, settings="\n[tcp]\nmax_connections_per_client = 2\n")
        with contextlib.ExitStack() as stack:
            for at in range(2):
                busy = stack.enter_context(client_of(here, UNLIMITED))
                busy.sendall(framed(f"waits.n{at}.example.org"))
            until(lambda: here.status()["tcp"]["waiting"] == 2)
            assert is_closed(stack.enter_context(client_of(here, UNLIMITED)))
            assert asked(stack.enter_context(client_of(here, STAFF)), LOCAL) == dns.rcode.NOERROR
            assert answer(busy).rcode() == dns.rcode.SERVFAIL
        assert here.status()["tcp"]["refused_per_client"] == 1


def test_devices_behind_one_address_have_so_many_times_the_connections(school: MakeSchool) -> None:
    here = school(policy=SHARED, settings="\n[tcp]\nmax_connections_per_client = 2\nidle_s = 300\n")
    with contextlib.ExitStack() as stack:
        shared = [stack.enter_context(client_of(here, SHARED_ADDRESS)) for _ in range(6)]
        assert [asked(sock) for sock in shared] == [dns.rcode.NXDOMAIN] * 6
        assert here.status()["tcp"]["closed_for_new"] == 0
        alone = [stack.enter_context(client_of(here)) for _ in range(3)]
        assert is_closed(alone[0])
        assert here.status()["tcp"]["closed_for_new"] == 1


@pytest.mark.parametrize(
    "garbage",
    [b"\0\x0c" + b"\xff" * 2 + b"\1" + bytes(9), b"\0\x0c\0\1\x28" + bytes(9)],
    ids=["malformed", "an opcode"],
)
def test_messages_without_end_that_are_no_query_close_the_connection(running: School, garbage: bytes) -> None:
    before = running.status()["tcp"]
    with client_of(running, UNLIMITED) as sock, contextlib.suppress(ConnectionError):
        for _ in itertools.count():
            sock.sendall(garbage)
            if not sock.recv(65536):
                break
    after = running.status()["tcp"]
    assert after["closed_bad_frame"] == before["closed_bad_frame"] + 1
    assert after["messages"] - before["messages"] == 16


@pytest.mark.parametrize("octets", [b"\0\0", b"\0\x0b" + bytes(11)])
def test_a_length_that_cannot_hold_a_header_closes_the_connection(running: School, octets: bytes) -> None:
    before = running.status()["tcp"]["closed_bad_frame"]
    with client_of(running) as sock:
        sock.sendall(octets)
        assert is_closed(sock)
    assert running.status()["tcp"]["closed_bad_frame"] == before + 1


def test_a_message_may_come_octet_by_octet_and_many_in_one_piece(running: School) -> None:
    with client_of(running) as sock:
        for octet in framed(BLOCKED):
            sock.sendall(bytes((octet,)))
        assert answer(sock).rcode() == dns.rcode.NXDOMAIN
        sock.sendall(framed(*[BLOCKED, LOCAL] * 20))
        assert [answer(sock).rcode() for _ in range(40)] == [dns.rcode.NXDOMAIN, dns.rcode.NOERROR] * 20


def test_answers_go_out_as_they_are_ready_and_an_end_of_questions_is_waited_for(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.delay_s = 0.3
        here = school(forwarders=upstream.quoted)
        with client_of(here) as sock:
            sock.sendall(framed("slow.example.org", LOCAL))
            sock.shutdown(socket.SHUT_WR)
            names = [str(answer(sock).question[0].name) for _ in range(2)]
            assert names == [f"{LOCAL}.", "slow.example.org."]
            assert sock.recv(1) == b""


def test_no_more_is_read_while_as_many_messages_wait_as_may(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.says[b"waits"] = lambda query: ()
        here = school(forwarders=upstream.quoted, settings="\n[tcp]\nmax_pipelined = 4\n")
        with client_of(here, UNLIMITED) as sock:
            sock.sendall(framed(*(f"waits.n{at}.example.org" for at in range(10))))
            until(lambda: here.status()["tcp"]["paused_pipelined"] >= 1)
            assert here.status()["tcp"]["messages"] == 4
            # All get their answer in the end, SERVFAIL within seconds.
            assert [answer(sock).rcode() for _ in range(10)] == [dns.rcode.SERVFAIL] * 10


def test_an_answer_for_a_client_that_left_is_dropped_and_counted(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.delay_s = 0.3
        here = school(forwarders=upstream.quoted)
        with client_of(here) as sock:
            sock.sendall(framed("left.example.org"))
            until(lambda: here.status()["tcp"]["waiting"] == 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until(lambda: here.status()["tcp"]["waiting"] == 0)
        until(lambda: here.status()["tcp"]["answers_without_client"] == 1)


def test_an_idle_connection_is_closed_after_the_time_that_a_reload_sets(school: MakeSchool) -> None:
    here = school(settings="\n[tcp]\nidle_s = 300\n")
    with client_of(here) as sock:
        assert asked(sock) == dns.rcode.NXDOMAIN
        here.config.write_text(here.settings_text.replace("idle_s = 300", "idle_s = 1"), encoding="utf-8")
        assert here.control("reload")["ok"]
        assert asked(sock) == dns.rcode.NXDOMAIN
        assert is_closed(sock)
    assert here.status()["tcp"]["closed_idle"] == 1


def test_ipv6_clients_are_served_and_the_log_knows_no_zone(school: MakeSchool) -> None:
    here = school(listen="[::1]:0")
    with socket.create_connection(("::1", here.port), PATIENT_S) as sock:
        sock.sendall(framed("use-application-dns.net"))
        assert answer(sock).rcode() in (dns.rcode.NXDOMAIN, dns.rcode.REFUSED)
