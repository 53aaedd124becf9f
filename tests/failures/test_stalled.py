"""The event loop hangs and holds Python's lock: what goes as it should is answered, and nobody waits for ever."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import dns.message
import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.school import (
    ANSWER_WITHIN_S,
    BLOCKED,
    IN_TIME_S,
    LOCAL,
    NO_REACHABLE_AUTHORITY,
    UNLIMITED,
    School,
    reasons,
    until,
)
from tests.failures.upstream import Upstream, reply

STALL_S = 5.0
QUESTIONS = 3_000
FORWARDED = 300
# Two busy cores and a Python client give far more; a server that waits for the loop gives nothing.
LEAST_PER_SECOND = 500


def stall(here: School) -> Path:
    """Stalls the server; returns the file that is there while it lasts."""
    marker = here.folder / "stalled"
    os.kill(here.pid, signal.SIGUSR1)
    until(marker.exists)
    return marker


def test_a_stalled_loop_holding_the_gil_stops_nothing_that_goes_as_it_should(
    school: MakeSchool, upstream: Upstream
) -> None:
    here = school(program="tests.failures.stalling_server", is_started=False)
    upstream.says[b"lame"] = lambda query: [reply(query, rcode=dns.rcode.SERVFAIL)]
    here.start(STALL_S=str(STALL_S), STALL_MARKER=str(here.folder / "stalled"))
    assert here.rcode("kept.example.org") == "NOERROR"
    marker = stall(here)
    with client_of(here) as waiting, client_of(here) as busy:
        begun = time.monotonic()
        # Its forwarder says SERVFAIL, and what is to be done then only the loop knows.
        waiting.send(dns.message.make_query("lame.example.org", "A", use_edns=0).to_wire())
        for at in range(FORWARDED):
            busy.send(dns.message.make_query(f"never-asked-{at}.example.org", "A").to_wire())
            assert dns.message.from_wire(busy.recv(4096)).answer, at

        queries = [dns.message.make_query(name, "A").to_wire() for name in (BLOCKED, LOCAL, "kept.example.org")]
        codes = []
        for at in range(QUESTIONS):
            busy.send(queries[at % 3])
            codes.append(busy.recv(4096)[3] & 0x0F)
        assert codes == [dns.rcode.NXDOMAIN, dns.rcode.NOERROR, dns.rcode.NOERROR] * (QUESTIONS // 3)
        assert QUESTIONS / (time.monotonic() - begun) > LEAST_PER_SECOND

        answer = dns.message.from_wire(waiting.recv(4096))
        assert time.monotonic() - begun < IN_TIME_S
        assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {NO_REACHABLE_AUTHORITY})
        assert marker.exists(), "the stall was shorter than the questions; it proves nothing"
    until(lambda: not marker.exists())
    assert here.counter("expired") == 1
    assert here.rcode("never-asked.example.org") == "NOERROR"


def client_of(here: School) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((UNLIMITED, 0))
    client.connect(("127.0.0.1", here.port))
    client.settimeout(ANSWER_WITHIN_S)
    return client
