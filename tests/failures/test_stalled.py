"""The event loop hangs and holds Python's lock: what needs no forwarder is answered, and nobody waits for ever."""

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

STALL_S = 5.0
QUESTIONS = 3_000
# Two busy cores and a Python client give far more; a server that waits for the loop gives nothing.
LEAST_PER_SECOND = 500


def stall(here: School) -> Path:
    """Stalls the server; returns the file that is there while it lasts."""
    marker = here.folder / "stalled"
    os.kill(here.pid, signal.SIGUSR1)
    until(marker.exists)
    return marker


def test_a_stalled_loop_holding_the_gil_stops_no_answer_that_needs_no_forwarder(school: MakeSchool) -> None:
    here = school(program="tests.failures.stalling_server", is_started=False)
    here.start(STALL_S=str(STALL_S), STALL_MARKER=str(here.folder / "stalled"))
    assert here.rcode("kept.example.org") == "NOERROR"
    marker = stall(here)
    with client_of(here) as waiting, client_of(here) as busy:
        begun = time.monotonic()
        waiting.send(dns.message.make_query("never-asked.example.org", "A", use_edns=0).to_wire())

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
    until(lambda: here.rcode("never-asked.example.org") == "NOERROR")


def client_of(here: School) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((UNLIMITED, 0))
    client.connect(("127.0.0.1", here.port))
    client.settimeout(ANSWER_WITHIN_S)
    return client
