"""What the plane reports, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.unit.resolver.planes import query_for

from schoolgate.resolver.datagrams import Datagrams, Errand, Share
from schoolgate.resolver.forwarders import Forwarder, ForwarderSet, Routes
from schoolgate.resolver.resolution import Send

if TYPE_CHECKING:
    from schoolgate._core import _Event, _Report

STORM = 2_000
QUERY = query_for("www.example.com")


class StormyPlane:
    """Each time something is sent, one more miss has met SERVFAIL meanwhile."""

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.misses = 0
        self.sent = 0

    def report(self, *events: _Event) -> _Report:
        return 0, None, (0, 0, 0, 0), [], list(events)

    def one_more(self) -> _Event:
        self.misses += 1
        return self.misses, "replied", self.forwarder.number, b"", 0.0, QUERY, "www.example.com"

    def forwarding_fd(self) -> int:
        return -1

    def install_routes(
        self, forwarders: Sequence[tuple[int, str, int, int]], zones: Sequence[tuple[str, int]]
    ) -> None: ...

    def read_replies(self, now_s: float) -> _Report:
        return self.report(self.one_more())

    def send_misses(self, shares: Sequence[Sequence[Share]], now_s: float) -> _Report:
        return self.report()

    def send_query(self, key: int, forwarder: int, query: bytes, timeout_s: float, now_s: float) -> _Report:
        self.sent += 1
        return self.report(*([self.one_more()] if self.misses < STORM else []))

    def end_overdue(self, now_s: float) -> _Report:
        return self.report()

    def abandon_queries(self) -> None: ...


class Household:
    """Asks again for whatever went wrong."""

    datagrams: Datagrams

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.defects = 0

    def take_over(self, token: int, name: str, query: bytes, forwarder: Forwarder, sent_at: float) -> Errand:
        return Persistent(self, token)

    def met_defect(self, errand: Errand | None) -> None:
        self.defects += 1

    def name_forwarders(self, now: float) -> None: ...

    def end_batch(self) -> None: ...


class Persistent:
    """An errand that asks once more."""

    query = question = QUERY

    def __init__(self, household: Household, key: int) -> None:
        self.household = household
        self.key = key

    def replied(self, octets: bytes, now: float) -> None:
        self.household.datagrams.send(self, Send(self.household.forwarder, "udp", 1.0), now)

    def damaged(self, octets: bytes, now: float) -> None: ...
    def guessed(self, now: float) -> None: ...
    def timed_out(self, now: float) -> None: ...
    def failed(self, now: float) -> None: ...
    def starved(self, now: float) -> None: ...


async def test_a_storm_of_odd_replies_is_heard_one_after_the_other() -> None:
    forwarder = Forwarder("192.0.2.1")
    plane, household = StormyPlane(forwarder), Household(forwarder)
    datagrams = household.datagrams = Datagrams(plane, asyncio.get_running_loop(), lambda: 0.0, household)
    datagrams.install(Routes(ForwarderSet([forwarder])))
    datagrams.read(0.0)
    assert (plane.sent, household.defects) == (STORM, 0)
