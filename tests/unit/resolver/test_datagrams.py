"""What the plane reports, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.resolver.planes import query_for

from schoolgate._core import ForwardingEvent, ForwardingReport
from schoolgate.resolver.datagrams import Datagrams, ExchangeOwner
from schoolgate.resolver.forwarders import Forwarder, ForwarderSet, Routes
from schoolgate.resolver.resolution import Send

if TYPE_CHECKING:
    from schoolgate._core import ForwarderAddress, ForwarderShare, ZoneRoute

STORM = 2_000
QUERY = query_for("www.example.com")


class StormyPlane:
    """Each time something is sent, one more miss has met SERVFAIL meanwhile."""

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.misses = 0
        self.sent = 0

    def report(self, *events: ForwardingEvent) -> ForwardingReport:
        return ForwardingReport(events=events)

    def one_more(self) -> ForwardingEvent:
        self.misses += 1
        return ForwardingEvent(
            self.misses, "replied", forwarder=self.forwarder.number, reply=b"", sent_at_s=0.0, query=QUERY,
            name="www.example.com",
        )  # fmt: skip

    def forwarding_fd(self) -> int:
        return -1

    def install_routes(self, forwarders: Sequence[ForwarderAddress], zones: Sequence[ZoneRoute]) -> None: ...

    def read_replies(self, now_s: float) -> ForwardingReport:
        return self.report(self.one_more())

    def send_misses(self, shares: Sequence[Sequence[ForwarderShare]], now_s: float) -> ForwardingReport:
        return self.report()

    def send_query(self, key: int, forwarder: int, query: bytes, timeout_s: float, now_s: float) -> ForwardingReport:
        self.sent += 1
        return self.report(*([self.one_more()] if self.misses < STORM else []))

    def end_overdue(self, now_s: float) -> ForwardingReport:
        return self.report()

    def abandon_queries(self) -> None: ...


class ResolverCallbacks:
    """Asks again for whatever went wrong."""

    datagrams: Datagrams

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.defects = 0

    def take_over(self, token: int, name: str, query: bytes, forwarder: Forwarder, sent_at: float) -> ExchangeOwner:
        return Persistent(self, token)

    def met_defect(self, owner: ExchangeOwner | None) -> None:
        self.defects += 1

    def name_forwarders(self, now: float) -> None: ...

    def end_batch(self) -> None: ...


class Persistent:
    """An exchange that asks once more."""

    query = question = QUERY

    def __init__(self, callbacks: ResolverCallbacks, key: int) -> None:
        self.callbacks = callbacks
        self.key = key
        self.answers: list[tuple[Forwarder, bytes]] = []

    def answered(self, forwarder: Forwarder, query: bytes, now: float) -> None:
        self.answers.append((forwarder, query))

    def replied(self, octets: bytes, now: float) -> None:
        self.callbacks.datagrams.send(self, Send(self.callbacks.forwarder, "udp", 1.0), now)

    def damaged(self, octets: bytes, now: float) -> None: ...
    def guessed(self, now: float) -> None: ...
    def timed_out(self, now: float) -> None: ...
    def failed(self, now: float) -> None: ...
    def starved(self, now: float) -> None: ...


async def test_a_storm_of_odd_replies_is_heard_one_after_the_other() -> None:
    forwarder = Forwarder("192.0.2.1")
    plane, callbacks = StormyPlane(forwarder), ResolverCallbacks(forwarder)
    datagrams = callbacks.datagrams = Datagrams(plane, asyncio.get_running_loop(), lambda: 0.0, callbacks)
    datagrams.install(Routes(ForwarderSet([forwarder])))
    datagrams.read(0.0)
    assert (plane.sent, callbacks.defects) == (STORM, 0)


class EventPlane(StormyPlane):
    """Reports the events that a test gives it."""

    events: Sequence[ForwardingEvent] = ()

    def read_replies(self, now_s: float) -> ForwardingReport:
        return self.report(*self.events)

    def send_query(self, key: int, forwarder: int, query: bytes, timeout_s: float, now_s: float) -> ForwardingReport:
        return self.report()

    def event(self, key: int, kind: str) -> ForwardingEvent:
        return ForwardingEvent(
            key, kind, forwarder=self.forwarder.number, reply=b"", sent_at_s=0.0, query=QUERY, name=None
        )


async def test_after_a_reply_to_an_earlier_try_nothing_more_is_heard_of_the_last() -> None:
    forwarder = Forwarder("192.0.2.1")
    plane, callbacks = EventPlane(forwarder), ResolverCallbacks(forwarder)
    datagrams = callbacks.datagrams = Datagrams(plane, asyncio.get_running_loop(), lambda: 0.0, callbacks)
    datagrams.install(Routes(ForwarderSet([forwarder])))
    owner = Persistent(callbacks, 5)
    datagrams.send(owner, Send(forwarder, "udp", 1.0), 0.0)
    plane.events = [plane.event(5, "answered"), plane.event(5, "timed_out"), plane.event(5, "answered")]
    datagrams.read(0.0)
    assert (owner.answers, callbacks.defects) == ([(forwarder, QUERY)], 0)


class Timetable:
    """An event loop that has timers and nothing else; a callback that fails does not end it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.entries: list[tuple[float, Callable[[], None], TimetableEntry]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, callback: Callable[[], None]) -> TimetableEntry:
        entry = TimetableEntry()
        self.entries.append((at, callback, entry))
        return entry

    def run_until(self, end: float) -> None:
        while True:
            self.entries = sorted((one for one in self.entries if not one[2].is_cancelled), key=lambda one: one[0])
            if not self.entries or self.entries[0][0] > end:
                break
            self.now, callback, _ = self.entries.pop(0)
            try:
                callback()
            except RuntimeError as error:
                assert "a defect" in str(error)
        self.now = end


class TimetableEntry:
    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class WishfulPlane(StormyPlane):
    """Wants the next tick when it is told to."""

    def __init__(self, timetable: Timetable) -> None:
        super().__init__(Forwarder("192.0.2.1"))
        self.timetable = timetable
        self.wish: float | None = None
        self.ticks: list[float] = []
        self.is_broken = False

    def report(self, *events: ForwardingEvent) -> ForwardingReport:
        return ForwardingReport(next_call_in_s=self.wish)

    def end_overdue(self, now_s: float) -> ForwardingReport:
        self.ticks.append(round(self.timetable.now, 3))
        if self.is_broken:
            raise RuntimeError("a defect")
        return self.report()


@pytest.fixture
def plane() -> WishfulPlane:
    return WishfulPlane(Timetable())


@pytest.fixture
def datagrams(plane: WishfulPlane) -> Datagrams:
    loop = cast(asyncio.AbstractEventLoop, plane.timetable)
    callbacks = ResolverCallbacks(plane.forwarder)
    callbacks.datagrams = Datagrams(plane, loop, plane.timetable.time, callbacks)
    return callbacks.datagrams


@pytest.mark.parametrize(("wish", "ticks"), [(None, []), (0.25, [0.25, 0.5, 0.75, 1.0]), (0.4, [0.4, 0.8])])
def test_it_comes_when_the_plane_wants_it(
    plane: WishfulPlane, datagrams: Datagrams, wish: float | None, ticks: list[float]
) -> None:
    plane.wish = wish
    datagrams.read(0.0)
    plane.timetable.run_until(1.0)
    assert plane.ticks == ticks


def test_of_two_wishes_the_earlier_counts(plane: WishfulPlane, datagrams: Datagrams) -> None:
    for plane.wish in (0.25, 0.05, 0.25):
        datagrams.read(0.0)
    plane.timetable.run_until(0.3)
    assert plane.ticks == [0.05, 0.3]


def test_it_stays_away_when_there_is_nothing_left(plane: WishfulPlane, datagrams: Datagrams) -> None:
    for plane.wish in (0.25, None):
        datagrams.read(0.0)
    plane.timetable.run_until(1.0)
    assert plane.ticks == []


def test_a_tick_that_meets_a_defect_is_not_the_last(plane: WishfulPlane, datagrams: Datagrams) -> None:
    plane.wish, plane.is_broken = 0.05, True
    datagrams.read(0.0)
    plane.timetable.run_until(0.6)
    assert plane.ticks == [0.05, 0.3, 0.55]
    plane.is_broken = False
    plane.timetable.run_until(0.91)
    assert plane.ticks[3:] == [0.8, 0.85, 0.9]
