"""The event loop hangs and holds Python's lock: what goes as it should is answered, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import dns.message
import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.school import (
    ANSWER_WITHIN_S,
    BLOCKED,
    LOCAL,
    NO_REACHABLE_AUTHORITY,
    UNLIMITED,
    School,
    reasons,
)
from tests.failures.upstream import Upstream, reply
from tests.waiting import until

QUESTIONS = 3_000
FORWARDED = 300
FORWARDED_BY_TCP = 20


@contextlib.contextmanager
def stalled(here: School) -> Iterator[None]:
    """The event loop hangs as long as this lasts, not for a time: what is answered within waited for no loop."""
    stall = here.folder / "stall"
    stall.touch()
    os.kill(here.pid, signal.SIGUSR1)
    try:
        until((here.folder / "stalled").exists)
        yield
    finally:
        stall.unlink()


def test_a_stalled_loop_holding_the_gil_stops_nothing_that_goes_as_it_should(
    school: MakeSchool, upstream: Upstream
) -> None:
    here = school(program="tests.failures.stalling_server", is_started=False)
    upstream.says[b"lame"] = lambda query: [reply(query, rcode=dns.rcode.SERVFAIL)]
    here.start(STALL=str(here.folder / "stall"), STALLED=str(here.folder / "stalled"))
    assert here.rcode("kept.example.org") == "NOERROR"
    with stalled(here), client_of(here) as waiting, client_of(here) as busy:
        # Its forwarder says SERVFAIL, and what is to be done then only the loop knows.
        waiting.send(dns.message.make_query("lame.example.org", "A", use_edns=0).to_wire())
        answered = 0
        for at in range(FORWARDED):
            busy.send(dns.message.make_query(f"never-asked-{at}.example.org", "A").to_wire())
            answered += bool(dns.message.from_wire(busy.recv(4096)).answer)
        # This machine may be so busy that a reply is late, and what to do then only the loop knows.
        assert answered > 0.9 * FORWARDED

        queries = [dns.message.make_query(name, "A").to_wire() for name in (BLOCKED, LOCAL, "kept.example.org")]
        codes = []
        for at in range(QUESTIONS):
            busy.send(queries[at % 3])
            codes.append(busy.recv(4096)[3] & 0x0F)
        assert codes == [dns.rcode.NXDOMAIN, dns.rcode.NOERROR, dns.rcode.NOERROR] * (QUESTIONS // 3)

        assert here.ask(BLOCKED, tcp=True).rcode() == dns.rcode.NXDOMAIN
        by_tcp = [here.ask(f"never-asked-by-tcp-{at}.example.org", tcp=True) for at in range(FORWARDED_BY_TCP)]
        late = sum(not one.answer for one in by_tcp)
        assert late < 0.2 * FORWARDED_BY_TCP

        answer = dns.message.from_wire(waiting.recv(4096))
        assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {NO_REACHABLE_AUTHORITY})
    assert here.counter("expired") == 1 + FORWARDED - answered + late
    assert here.rcode("never-asked.example.org") == "NOERROR"


def client_of(here: School) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((UNLIMITED, 0))
    client.connect(("127.0.0.1", here.port))
    client.settimeout(ANSWER_WITHIN_S)
    return client
