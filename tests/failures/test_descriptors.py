"""No file descriptors left: new connections and forwarders have to do without, what is known is answered."""

from __future__ import annotations

import contextlib
import itertools
import resource
import socket

import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.school import BLOCKED, School
from tests.waiting import PATIENT_S, until

# A start needs some forty for a moment, where a busy machine lets all of it happen at once.
FEW = 72


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def test_without_descriptors_datagrams_are_answered_and_all_is_well_afterwards(school: MakeSchool) -> None:
    here = school(settings="\n[tcp]\nidle_s = 300\n", is_started=False)
    here.start(before=few_descriptors)
    # TCP is answered before all of it is loaded, and what is loaded needs descriptors.
    until(lambda: '"event":"ready"' in here.said(), here.said)
    assert here.rcode("kept.example.org") == "NOERROR"
    # A name that was answered once is in the cache.
    fresh = (f"new-{at}.example.org" for at in itertools.count())
    with contextlib.ExitStack() as stack:
        for at in range(2 * FEW):
            # Beyond what is accepted they wait in the kernel's queue.
            source = (f"127.0.4.{at + 1}", 0)
            stack.enter_context(socket.create_connection(("127.0.0.1", here.port), PATIENT_S, source_address=source))
        until(lambda: here.rcode(next(fresh)) == "SERVFAIL")
        assert here.filters()
        assert here.rcode("kept.example.org") == "NOERROR"
    until(lambda: here.rcode(next(fresh)) == "NOERROR")
    # The kernel still resets connections that were not accepted, for a moment.
    until(lambda: _denies_over_tcp(here))


def _denies_over_tcp(here: School) -> bool:
    try:
        return here.ask(BLOCKED, tcp=True).rcode() == dns.rcode.NXDOMAIN
    except ConnectionError:
        return False
