"""The cold path's service: says who is asked, batch by batch, and sees to whatever does not go as it should.

It is never waited for: the plane answers hits and verdicts by itself, and its pending entries expire by themselves. So
whatever is too much here fails at once and is counted, instead of queueing.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import orjson

from schoolgate._core import ForwarderShare, MissResult
from schoolgate.resolver.datagrams import EVERY, DatagramPlane, Datagrams, ExchangeOwner
from schoolgate.resolver.exchange import StreamExchanges
from schoolgate.resolver.exchange_owners import MissExchange, ProbeExchange
from schoolgate.resolver.forwarders import EDNS_MEMORY_S, Forwarder, ForwarderSet, Routes
from schoolgate.resolver.query_octets import asks_ad, qtype_of
from schoolgate.resolver.resolution import (
    DEFAULT_PATIENCE,
    EDE_NETWORK_ERROR,
    Done,
    Failed,
    Patience,
    Resolution,
    Send,
    Step,
    first_timeout_s,
    transport_to,
)

PROBE_CHECK_S: Final = 0.5
REPORT_DEFECTS_EVERY_S: Final = 10.0
CROWDED_AT: Final = 2048
"""Questions under way by UDP. A school's ordinary morning has some hundreds; a flood of random names below dead servers
has thousands, and each would be asked three times."""

_log = logging.getLogger(__name__)


class MissSource(DatagramPlane, Protocol):
    """The part of the plane that this service needs."""

    def complete(self, results: Sequence[MissResult]) -> None: ...
    def connections(self) -> bytes: ...
    def forget_failures(self) -> None: ...


class ResolverService:
    """Joins the plane's misses with the forwarders. Belongs to one event loop; `start`, then `close`."""

    def __init__(
        self,
        plane: MissSource,
        routes: Routes,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience: Patience = DEFAULT_PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plane = plane
        self._loop = loop if loop is not None else asyncio.get_running_loop()
        self._routes = routes
        self._forwarders = routes.forwarders()
        self._patience = patience
        self._clock = clock
        self._datagrams = Datagrams(plane, self._loop, clock, self)
        self._streams = StreamExchanges(self._loop, clock, self.end_batch, self.met_defect)
        self._datagrams.install(routes)
        self._results: list[MissResult] = []
        # Tokens of misses are positive.
        self._probe_keys = itertools.count(-1, -1)
        self._probe_timer: asyncio.TimerHandle | None = None
        self._defect_reported_at = float("-inf")
        self.is_running = False
        self._is_closed = False
        self.counters = dict.fromkeys(
            ("taken_over", "answered", "answered_with_failure", "failed_no_reachable_authority",
             "failed_network_error", "probes", "forwarders_lost", "recoveries", "internal_errors"),
            0,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to take misses."""
        self.is_running = True
        self._loop.add_reader(self._plane.forwarding_fd(), self._go_on)
        self._probe_timer = self._loop.call_later(PROBE_CHECK_S, self._check_again)
        self._go_on()

    def close(self) -> None:
        """Take no more; what is under way fails now, so that stale answers or SERVFAIL go out at once."""
        if self._is_closed:
            return
        self._is_closed = True
        if self.is_running:
            self.is_running = False
            self._loop.remove_reader(self._plane.forwarding_fd())
        if self._probe_timer is not None:
            self._probe_timer.cancel()
        for owner in (*self._datagrams.close(), *self._streams.close()):
            if isinstance(owner, MissExchange):
                self._results.append(MissResult(owner.key, None, ede=EDE_NETWORK_ERROR))
        self.end_batch()

    def install(self, routes: Routes, patience: Patience | None = None) -> None:
        """New routes for misses to come, and for further tries of those whose first is under way. A miss that is past
        its first try goes on with the forwarders it had."""
        self._routes = routes
        self._forwarders = routes.forwarders()
        self._patience = patience or self._patience
        self._datagrams.install(routes)
        self._go_on()

    def health(self) -> list[dict[str, Any]]:
        """One entry per forwarder, for `status`; of those asked over connections also what these say of themselves."""
        self._go_on()
        connections: dict[int, dict[str, Any]] = {}
        if any(one.is_carried for one in self._forwarders):
            connections = {one["forwarder"]: one for one in orjson.loads(self._plane.connections())}
        return [_with_connections(one, connections.get(one.number)) for one in self._forwarders]

    @property
    def is_unencrypted(self) -> bool:
        """Whether names leave readable although encrypted forwarders are set: none of these answers."""
        return any(one.is_falling_back for one in self._routes.sets)

    def stats(self) -> dict[str, int]:
        """Counters of this service and of its exchanges, and how many questions are under way now."""
        self._go_on()
        counted = dict(self.counters)
        for counters in (self._datagrams.counters, self._streams.counters):
            for name, count in counters.items():
                counted[name] = counted.get(name, 0) + count
        return counted | {"under_way_udp": self._datagrams.under_way, "under_way_tcp": len(self._streams)}

    # -- misses ---------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Processes what workers have done, decides odd events, and names forwarders anew."""
        if not self.is_running:
            return
        now = self._clock()
        self._datagrams.read(now)
        self.name_forwarders(now)
        self.end_batch()

    def name_forwarders(self, now: float) -> None:
        """Say who is asked, for misses that wait and for those of the next moments."""
        self._datagrams.send_misses([self._shares(each, now) for each in self._routes.sets], now)

    def _shares(self, forwarders: ForwarderSet, now: float) -> list[ForwarderShare]:
        shares = forwarders.shares(now)
        for forwarder in shares:
            if forwarder.failures and forwarder.wants_probe(now):
                self._probe(forwarder, now)
        last = len(shares) - 1
        return [
            ForwarderShare(
                one.number,
                first_timeout_s(one, self._patience),
                1 if at < last else EVERY,
                has_edns=one.has_edns(now),
                asks_ad=forwarders.asks_ad,
            )
            for at, one in enumerate(shares)
        ]

    def take_over(self, token: int, name: str, query: bytes, forwarder: Forwarder, sent_at: float) -> MissExchange:
        """A miss whose first try met something odd becomes an exchange of its own."""
        self.counters["taken_over"] += 1
        forwarders = self._routes.select_for(name, qtype_of(query))
        is_crowded = self._datagrams.under_way >= CROWDED_AT
        resolution = Resolution(forwarders, forwarder, sent_at, self._patience, is_crowded=is_crowded)
        return MissExchange(self, token, query, resolution)

    def take_step(self, owner: MissExchange, step: Step, now: float) -> None:
        """Do what the resolution says next."""
        if isinstance(step, Done):
            self._done(owner, step)
        elif isinstance(step, Failed):
            self._failed(owner, step)
        elif step.transport == "tcp":
            self._streams.send(owner, step, now)
        else:
            self._datagrams.send(owner, step, now)

    def _done(self, owner: MissExchange, step: Done) -> None:
        self.counters["answered_with_failure" if step.is_failure else "answered"] += 1
        # A failure may be the reply of an earlier forwarder than the last.
        is_asked = asks_ad(owner.query) and not step.is_failure
        ad_trusted = owner.resolution.forwarder.is_ad_trusted if is_asked else None
        self._results.append(MissResult(owner.key, step.octets, is_failure=step.is_failure, ad_trusted=ad_trusted))

    def _failed(self, owner: MissExchange, step: Failed) -> None:
        is_silence = step.ede != EDE_NETWORK_ERROR
        self.counters["failed_no_reachable_authority" if is_silence else "failed_network_error"] += 1
        self._results.append(MissResult(owner.key, None, ede=step.ede, is_failure=step.asked))

    def end_batch(self) -> None:
        """Hand back what is decided."""
        if self._results:
            results, self._results = self._results, []
            self._plane.complete(results)

    # -- the forwarders' health -----------------------------------------------------------------------------------

    def _check_again(self) -> None:
        self._probe_timer = self._loop.call_later(PROBE_CHECK_S, self._check_again)
        self.check_forwarders(self._clock())

    def check_forwarders(self, now: float) -> None:
        """Probe those that are suspected or down, as often as is due at `now`; what is known of them by now counts for
        the next misses. While all are well there is nothing to do: what becomes of questions comes with every tick,
        and without questions what was said last will do."""
        wanting = [one for one in self._forwarders if one.wants_probe(now)]
        for forwarder in wanting:
            self._probe(forwarder, now)
        if wanting:
            self._go_on()

    def _probe(self, forwarder: Forwarder, now: float) -> None:
        forwarder.probing(now)
        self.counters["probes"] += 1
        owner = ProbeExchange(self, next(self._probe_keys), forwarder)
        timeout_s = forwarder.longest_s(self._patience.timeout_s)
        self._datagrams.send(owner, Send(forwarder, transport_to(forwarder), timeout_s), now)

    def forwarder_lacks_edns(self, forwarder: Forwarder) -> None:
        """It answers only queries without OPT."""
        _log.warning(
            "forwarder %s does not know EDNS: for %d minutes it is asked without, and gives no DNSSEC signatures",
            forwarder.label,
            EDNS_MEMORY_S // 60,
        )

    def forwarder_is_lost(self, forwarder: Forwarder) -> None:
        """Neither clients' questions nor our own are answered."""
        self.counters["forwarders_lost"] += 1
        _log.warning("forwarder %s does not answer; it is probed until it does", forwarder.label)

    def forwarder_is_back(self, forwarder: Forwarder) -> None:
        """What failed while it was down may succeed now."""
        self.counters["recoveries"] += 1
        self._plane.forget_failures()
        # Not now: this is said while a report is being gone through.
        self._loop.call_soon(self._go_on)
        _log.warning("forwarder %s answers again", forwarder.label)

    def met_defect(self, owner: ExchangeOwner | None) -> None:
        """A defect of ours met one question; the others must go on."""
        self.counters["internal_errors"] += 1
        if isinstance(owner, MissExchange):
            self._results.append(MissResult(owner.key, None, ede=EDE_NETWORK_ERROR))
        now = self._clock()
        if now - self._defect_reported_at >= REPORT_DEFECTS_EVERY_S:
            self._defect_reported_at = now
            _log.exception("a question to a forwarder met a defect; please report it")


def _with_connections(forwarder: Forwarder, connections: dict[str, Any] | None) -> dict[str, Any]:
    health = forwarder.health()
    if connections is None:
        return health | {"connections": None, "problem": None}
    # One connection that could not be opened beside others is no problem.
    said = connections["problem"] if connections["open"] == 0 else None
    return health | {
        "connections": {"open": connections["open"], "events": connections["events"]},
        "problem": forwarder.roots_problem or said,
    }
