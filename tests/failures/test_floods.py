"""One client that takes more than its share: it is held back, and nobody else notices."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import BLOCKED, PUPIL, STAFF, UNLIMITED, School, reasons
from tests.failures.upstream import Upstream
from tests.waiting import PATIENT_S, until

PROHIBITED = 18
# Questions of one registrable domain that may be under way.
MAX_QUESTIONS_PER_DOMAIN = 1024
# A query a second: what the bucket gains while a slow machine sends the flood is little beside the burst.
LIMITED = """
format = 1
time_zone = "Europe/London"
allowed_clients = ["127.0.0.0/24"]
strictest = "all"
[policies.all]
categories = { gambling = "deny" }
[segments.pupils]
prefixes = ["127.0.0.0/25"]
policy = "all"
rate_limit = { qps = 1, burst = 50, devices = 1 }
"""
STRANGER = "127.9.9.9"
TCP_LIMITS = "\n[tcp]\nmax_connections = 24\nmax_connections_per_client = 8\nidle_s = 300\n"


@pytest.fixture
def limited(school: MakeSchool) -> School:
    return school(policy=LIMITED)


@contextlib.contextmanager
def client_at(here: School, address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((address, 0))
        client.connect(("127.0.0.1", here.port))
        client.setblocking(False)
        yield client


def flood(here: School, address: str, queries: int) -> list[dns.message.Message]:
    """What comes back for so many queries.

    The one worker reads in order: once another client has its answer, each query before it was answered or dropped.
    """
    query = dns.message.make_query(BLOCKED, "A", use_edns=0).to_wire()
    answers = []
    with client_at(here, address) as client:
        for _ in range(0, queries, 100):
            for _ in range(100):
                client.send(query)
            assert here.rcode(BLOCKED, source=STAFF) == "NXDOMAIN"
            with contextlib.suppress(BlockingIOError):
                while True:
                    answers.append(dns.message.from_wire(client.recv(4096)))
    return answers


def test_a_client_over_its_rate_is_truncated_or_dropped_and_the_others_are_not(limited: School) -> None:
    answers = flood(limited, PUPIL, 600)
    whole = [one for one in answers if not one.flags & dns.flags.TC]
    assert len(whole) < 200, "the burst, and what a second brings"
    assert any(one.flags & dns.flags.TC for one in answers), "a real client may come back by TCP"
    assert {limited.rcode(BLOCKED, source=STAFF) for _ in range(20)} == {"NXDOMAIN"}
    counted = limited.status()["counters"]
    assert counted["rate_truncated"] > 100
    assert counted["rate_dropped"] > 100


def test_a_client_outside_is_refused_at_a_trickle_and_resolves_nothing(limited: School) -> None:
    before = limited.counter("cache_misses")
    answers = flood(limited, STRANGER, 500)
    assert 1 <= len(answers) < 50
    assert {(one.rcode(), tuple(reasons(one))) for one in answers} == {(dns.rcode.REFUSED, (PROHIBITED,))}
    assert limited.counter("cache_misses") == before
    assert limited.ask(BLOCKED, source=STAFF, tcp=True).rcode() == dns.rcode.NXDOMAIN


def test_random_names_from_one_client_leave_room_for_the_others(school: MakeSchool) -> None:
    with Upstream() as upstream:
        here = school(forwarders=upstream.quoted)
        assert here.rcode("kept.example.org") == "NOERROR"
        # The zone of the random names is dead; the forwarder is not.
        upstream.says[b"random"] = lambda query: ()
        query = dns.message.make_query("random.n000000.example.org", "A").to_wire()
        sent = 0
        with client_at(here, UNLIMITED) as client:
            # Questions that wait are given up after seconds, so a slow machine may have to send more of them.
            while not here.counter("pending_full") and sent < 100_000:
                for at in range(sent, sent + 400):
                    client.send(query.replace(b"n000000", b"n%06d" % at))
                sent += 400
                assert here.filters()
        assert here.counter("pending_full") > 0
        assert sent > MAX_QUESTIONS_PER_DOMAIN
        assert here.rcode("kept.example.org", source=STAFF) == "NOERROR"
        assert here.rcode("new.example.net", source=STAFF) == "NOERROR"


def test_connections_of_one_client_are_bounded_and_others_get_theirs(school: MakeSchool) -> None:
    here = school(settings=TCP_LIMITS)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            connection = socket.create_connection(("127.0.0.1", here.port), PATIENT_S, source_address=(PUPIL, 0))
            stack.enter_context(connection)
        until(lambda: here.status()["tcp"]["closed_for_new"] >= 32)
        until(lambda: here.status()["tcp"]["open"] <= 8)
        assert here.ask(BLOCKED, source=UNLIMITED, tcp=True).rcode() == dns.rcode.NXDOMAIN
        assert here.filters()


def test_connections_that_do_nothing_are_closed_when_others_want_in(school: MakeSchool) -> None:
    here = school(settings=TCP_LIMITS)
    with contextlib.ExitStack() as stack:
        for at in range(100):
            source = (f"127.0.3.{at + 1}", 0)
            stack.enter_context(socket.create_connection(("127.0.0.1", here.port), PATIENT_S, source_address=source))
        until(lambda: here.status()["tcp"]["refused_total"] >= 6)
        assert here.filters(), "UDP does not share their bound"
        until(lambda: here.status()["tcp"]["closed_idle"] >= 24)
        assert here.ask(BLOCKED, tcp=True).rcode() == dns.rcode.NXDOMAIN


def test_a_client_that_sends_octet_by_octet_is_closed(school: MakeSchool) -> None:
    here = school(settings="\n[tcp]\nidle_s = 300\n")
    # At four octets a second this message takes two minutes, and three seconds are allowed.
    query = dns.message.make_query(BLOCKED, "A", use_edns=0, pad=468).to_wire()
    frame = len(query).to_bytes(2) + query
    with socket.create_connection(("127.0.0.1", here.port), PATIENT_S) as slow:
        slow.settimeout(0.25)
        closed = False
        for at in range(len(frame) - 1):
            with contextlib.suppress(TimeoutError):
                try:
                    slow.send(frame[at : at + 1])
                    closed = slow.recv(1) == b""
                except ConnectionError:
                    closed = True
            if closed:
                break
        assert closed
    assert here.status()["tcp"]["closed_slow_sender"] == 1
    assert here.filters()


def test_a_client_that_reads_no_answers_does_not_fill_memory(running: School) -> None:
    query = dns.message.make_query(BLOCKED, "A", use_edns=0).to_wire()
    frames = (len(query).to_bytes(2) + query) * 1000
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.bind((UNLIMITED, 0))
        greedy.connect(("127.0.0.1", running.port))
        greedy.setblocking(False)
        sent = 0
        # Until nothing more is taken: then the server waits for the client, not the client for the server.
        while sent < 64 << 20:
            try:
                sent += greedy.send(frames)
            except BlockingIOError:
                if _is_paused(running, greedy, frames):
                    break
            except ConnectionError:
                break
        assert sent < 64 << 20
        assert running.filters()
    assert running.ask(BLOCKED, tcp=True).rcode() == dns.rcode.NXDOMAIN


def _is_paused(here: School, greedy: socket.socket, frames: bytes) -> bool:
    """Whether nothing is taken while the server does other work."""
    for _ in range(20):
        here.status()
        with contextlib.suppress(BlockingIOError, ConnectionError):
            greedy.send(frames)
            return False
    return True
