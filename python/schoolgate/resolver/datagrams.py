"""Questions to forwarders: Rust moves the datagrams and keeps the connections, this chooses forwarders and processes
the workers' reports.

Who is asked is said beforehand, and again with every tick; by that workers send and read for themselves. When the next
tick is wanted the plane says: while workers keep time, few will do. The plain case - a reply about the name, in time -
costs Python nothing but its share of a tick: numbers by forwarder. What is odd comes one by one and goes to its owner,
which decides. Replies are always read before anything is called overdue, so who was held up takes no waiting reply for
a late one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from schoolgate._core import ForwarderAddress, ZoneRoute
from schoolgate.resolver.forwarders import Forwarder, Routes
from schoolgate.resolver.resolution import Send

if TYPE_CHECKING:
    from schoolgate._core import ForwarderShare, ForwardingEvent, ForwardingReport

TRY_AGAIN_S: Final = 0.25
"""After a tick that met a defect: it may have ended before the next one was scheduled."""
EVERY: Final = 0xFFFF_FFFF
"""All questions that are left."""


def core_address(forwarder: Forwarder) -> ForwarderAddress:
    """A forwarder as the core takes it."""
    host = forwarder.sockaddr[0]
    return ForwarderAddress(
        forwarder.number,
        host,
        forwarder.port,
        forwarder.scope,
        carried=forwarder.carried,
        is_ad_trusted=forwarder.is_ad_trusted,
    )


class DatagramPlane(Protocol):
    """The part of the plane that carries questions to forwarders."""

    def forwarding_fd(self) -> int: ...
    def install_routes(self, forwarders: Sequence[ForwarderAddress], zones: Sequence[ZoneRoute]) -> None: ...
    def read_replies(self, now_s: float) -> ForwardingReport: ...
    def send_misses(self, shares: Sequence[Sequence[ForwarderShare]], now_s: float) -> ForwardingReport: ...
    def send_query(
        self, key: int, forwarder: int, query: bytes, timeout_s: float, now_s: float
    ) -> ForwardingReport: ...
    def end_overdue(self, now_s: float) -> ForwardingReport: ...
    def abandon_queries(self) -> None: ...


class ExchangeOwner(Protocol):
    """Who wants a question answered. For each send exactly one of these is called; `starved` says that this machine is
    short of descriptors or the like, `failed` that the network refused, `guessed` that its port was under attack,
    `damaged` that the reply is of no use, `answered` that a forwarder's reply to this query has completed the miss: to
    the last one sent, or to one before it; of the last one it gets nothing more then."""

    key: int
    query: bytes
    question: bytes

    def replied(self, octets: bytes, now: float) -> None: ...
    def answered(self, forwarder: Forwarder, query: bytes, now: float) -> None: ...
    def damaged(self, octets: bytes, now: float) -> None: ...
    def guessed(self, now: float) -> None: ...
    def timed_out(self, now: float) -> None: ...
    def failed(self, now: float) -> None: ...
    def starved(self, now: float) -> None: ...


class ResolverCallbacks(Protocol):
    """What the resolver service does for this: it makes an exchange of a miss that met something odd, names forwarders
    for misses to come, and is called when a callback ends."""

    def take_over(self, token: int, name: str, query: bytes, forwarder: Forwarder, sent_at: float) -> ExchangeOwner: ...
    def met_defect(self, owner: ExchangeOwner | None) -> None: ...
    def name_forwarders(self, now: float) -> None: ...
    def end_batch(self) -> None: ...


class Datagrams:
    """All questions under way by UDP, as Python sees them. Belongs to one event loop."""

    def __init__(
        self,
        plane: DatagramPlane,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        callbacks: ResolverCallbacks,
    ) -> None:
        self._plane = plane
        self._loop = loop
        self._clock = clock
        self._callbacks = callbacks
        self._forwarders: dict[int, Forwarder] = {}
        self._owners: dict[int, ExchangeOwner] = {}
        self._tick: asyncio.TimerHandle | None = None
        self._tick_at = 0.0
        self._events: deque[ForwardingEvent] = deque()
        self._is_processing = False
        self.under_way = 0
        self.counters = dict.fromkeys(
            ("misses", "answered", "failed_no_forwarder", "overflow", "sent_udp", "replies", "timeouts",
             "network_errors", "mismatches", "short_of_resources"), 0)  # fmt: skip

    def install(self, routes: Routes) -> None:
        """New forwarders and zones for misses to come; those under way still get their replies."""
        forwarders = routes.forwarders()
        self._plane.install_routes(
            [core_address(one) for one in forwarders],
            [ZoneRoute(zone, set_index) for zone, set_index in routes.zones],
        )
        self._forwarders |= {one.number: one for one in forwarders}

    def close(self) -> list[ExchangeOwner]:
        """Ends everything under way. Misses on their first try have failed; the owners returned get no more calls."""
        if self._tick is not None:
            self._tick.cancel()
        self._plane.abandon_queries()
        dropped, self._owners = list(self._owners.values()), {}
        return dropped

    def read(self, now: float) -> None:
        """Processes what happened since the last time."""
        self._process_report(self._plane.read_replies(now), now)

    def send_misses(self, shares: Sequence[Sequence[ForwarderShare]], now: float) -> None:
        """Send misses that wait, and let workers send those to come, to these."""
        self._process_report(self._plane.send_misses(shares, now), now)

    def send(self, owner: ExchangeOwner, step: Send, now: float) -> None:
        """Asks for an exchange. What fails at once is an event behind those that happened before."""
        self._owners[owner.key] = owner
        query = step.octets(owner.query)
        self._process_report(self._plane.send_query(owner.key, step.forwarder.number, query, step.timeout_s, now), now)

    def _process_report(self, report: ForwardingReport, now: float) -> None:
        self.under_way = report.under_way
        self._schedule_tick(report.next_call_in_s)
        counters = self.counters
        counters["misses"] += report.misses
        counters["answered"] += report.answered
        counters["failed_no_forwarder"] += report.failed_no_forwarder
        counters["overflow"] += report.overflow
        for tally in report.tallies:
            self._forwarders[tally.forwarder].record(tally, now)
            counters["sent_udp"] += tally.sent
            counters["replies"] += tally.replies
            counters["timeouts"] += tally.timeouts
            counters["network_errors"] += tally.network_errors
            counters["mismatches"] += tally.mismatches
        self._events += report.events
        self._process_events(now)

    def _process_events(self, now: float) -> None:
        """One after the other: what is done about an event may bring the next report, and it the next events."""
        if self._is_processing:
            return
        self._is_processing = True
        try:
            while self._events:
                self._process_event(self._events.popleft(), now)
        finally:
            self._is_processing = False

    def _process_event(self, event: ForwardingEvent, now: float) -> None:
        owner = None
        try:
            forwarder = self._forwarders[event.forwarder]
            if event.name is None:
                owner = self._owners.pop(event.key, None)
                if owner is None:
                    # A reply to an earlier try has answered it.
                    return
            else:
                owner = self._callbacks.take_over(event.key, event.name, event.query, forwarder, event.sent_at_s)
            match event.kind:
                case "replied":
                    owner.replied(event.reply, now)
                case "answered":
                    owner.answered(forwarder, event.query, now)
                case "damaged":
                    owner.damaged(event.reply, now)
                case "guessed":
                    owner.guessed(now)
                case "timed_out":
                    owner.timed_out(now)
                case "failed":
                    owner.failed(now)
                case _:
                    self.counters["short_of_resources"] += 1
                    owner.starved(now)
        except Exception:
            self._callbacks.met_defect(owner)

    def _schedule_tick(self, in_s: float | None) -> None:
        """Keeps the earlier wake-up time; `None`: no wake-up is needed."""
        at = float("inf") if in_s is None else self._loop.time() + in_s
        if self._tick is not None and (in_s is None or at < self._tick_at):
            self._tick.cancel()
            self._tick = None
        if self._tick is None and in_s is not None:
            self._tick, self._tick_at = self._loop.call_at(at, self._end_overdue), at

    def _end_overdue(self) -> None:
        self._tick = None
        try:
            now = self._clock()
            self._process_report(self._plane.end_overdue(now), now)
            self._callbacks.name_forwarders(now)
            self._callbacks.end_batch()
        except BaseException:
            self._schedule_tick(TRY_AGAIN_S)
            raise
