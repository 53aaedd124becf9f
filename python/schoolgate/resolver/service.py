"""The cold path's service: takes misses from the plane, has forwarders asked, hands the outcome back in batches.

It is never waited for: the plane answers hits and verdicts by itself, and its pending entries expire by themselves. So
whatever is too much here fails at once and is counted, instead of queueing.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from schoolgate.resolver.errands import MissErrand, ProbeErrand, failure_key
from schoolgate.resolver.exchange import Exchanges
from schoolgate.resolver.failures import FailureTable
from schoolgate.resolver.forwarders import Forwarder, Routes
from schoolgate.resolver.resolution import (
    DEFAULT_PATIENCE,
    EDE_NETWORK_ERROR,
    EDE_NO_REACHABLE_AUTHORITY,
    Done,
    Failed,
    Patience,
    Resolution,
    Send,
    Step,
)

OUTSTANDING_MAX: Final = 8192
"""Questions under way. Stops random names under a slow zone (water torture) from using up descriptors and source ports;
above it a miss fails at once, and stale answers are served."""
DESCRIPTORS_KEPT: Final = 512
"""Descriptors left to the rest of the process: listeners, clients' connections, files."""
MISSES_PER_BATCH: Final = 256
BATCHES_PER_WAKE: Final = 4
"""After these the loop serves others before it takes more."""
PROBE_CHECK_S: Final = 0.5
REPORT_DEFECTS_EVERY_S: Final = 10.0

_log = logging.getLogger(__name__)

Miss = tuple[int, str, bytes]
Result = tuple[int, bytes | None, int]


class MissSource(Protocol):
    """The part of the plane that this service needs."""

    def miss_fd(self) -> int: ...
    def take_misses(self, most: int) -> list[Miss]: ...
    def complete(self, results: list[Result]) -> None: ...


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
        outstanding_max: int = OUTSTANDING_MAX,
    ) -> None:
        self._plane = plane
        self._loop = loop if loop is not None else asyncio.get_running_loop()
        self._routes = routes
        self._forwarders = routes.forwarders()
        self._patience = patience
        self._clock = clock
        self._outstanding_max = outstanding_max
        self._exchanges = Exchanges(self._loop, clock, self._hand_back)
        self._failures = FailureTable()
        self._results: list[Result] = []
        self._probe_timer: asyncio.TimerHandle | None = None
        self._defect_reported_at = float("-inf")
        self.is_running = False
        self._is_closed = False
        self.counters = dict.fromkeys(
            ("misses", "answered", "answered_with_failure", "failed_no_reachable_authority", "failed_network_error",
             "failures_recalled", "overflow", "probes", "forwarders_lost", "recoveries", "internal_errors"),
            0,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to take misses."""
        self._outstanding_max = min(self._outstanding_max, descriptors_for(self._outstanding_max))
        self.is_running = True
        self._loop.add_reader(self._plane.miss_fd(), self._take_misses)
        self._probe_timer = self._loop.call_later(PROBE_CHECK_S, self._check_again)

    def close(self) -> None:
        """Take no more; what is under way fails now, so that stale answers or SERVFAIL go out at once."""
        if self._is_closed:
            return
        self._is_closed = True
        if self.is_running:
            self.is_running = False
            self._loop.remove_reader(self._plane.miss_fd())
        if self._probe_timer is not None:
            self._probe_timer.cancel()
        abandoned = [errand.token for errand in self._exchanges.close() if isinstance(errand, MissErrand)]
        self._results += [(token, None, EDE_NETWORK_ERROR) for token in abandoned]
        self._hand_back()

    def install(self, routes: Routes, patience: Patience | None = None) -> None:
        """New routes for misses to come; those under way end with the old ones."""
        self._routes = routes
        self._forwarders = routes.forwarders()
        self._patience = patience or self._patience
        self._failures.clear()

    def health(self) -> list[dict[str, Any]]:
        """One entry per forwarder, for `status`."""
        return [one.health() for one in self._forwarders]

    def stats(self) -> dict[str, int]:
        """Counters of this service and of its exchanges, and how many questions and failures are held now."""
        return {
            **self.counters,
            **{f"exchange_{name}": count for name, count in self._exchanges.counters.items()},
            "outstanding": len(self._exchanges),
            "outstanding_max": self._outstanding_max,
            "failures_remembered": len(self._failures.entries),
            "failures_evicted": self._failures.evicted,
        }

    # -- a miss ---------------------------------------------------------------------------------------------------

    def _take_misses(self) -> None:
        if not self.is_running:
            return
        for _ in range(BATCHES_PER_WAKE):
            misses = self._plane.take_misses(MISSES_PER_BATCH)
            self.counters["misses"] += len(misses)
            now = self._clock()
            for token, name, query in misses:
                try:
                    self._begin(token, name, query, now)
                except Exception:
                    self._results.append((token, None, EDE_NETWORK_ERROR))
                    self._report_defect(now)
            if len(misses) < MISSES_PER_BATCH:
                break
        else:
            self._loop.call_soon(self._take_misses)
        self._hand_back()

    def _begin(self, token: int, name: str, query: bytes, now: float) -> None:
        if len(self._exchanges) >= self._outstanding_max:
            self.counters["overflow"] += 1
            self._results.append((token, None, EDE_NETWORK_ERROR))
            return
        resolution = Resolution(self._routes.select(name), self._patience)
        errand = MissErrand(self, token, query, resolution)
        if self._failures.entries:
            known = self._failures.recall(failure_key(errand.question, query), now)
            if known is not None:
                self.counters["failures_recalled"] += 1
                self._results.append((token, known.octets, known.ede if known.octets is None else 0))
                return
        self.take_step(errand, resolution.begin(now), now)

    def take_step(self, errand: MissErrand, step: Step, now: float) -> None:
        """Do what the resolution says next."""
        if isinstance(step, Done):
            self._done(errand, step, now)
        elif isinstance(step, Send):
            self._exchanges.send(errand, step, now)
            if step.forwarder.failures and step.forwarder.wants_probe(now):
                self._probe(step.forwarder, now)
        elif isinstance(step, Failed):
            self._failed(errand, step, now)

    def _done(self, errand: MissErrand, step: Done, now: float) -> None:
        if step.is_failure:
            self.counters["answered_with_failure"] += 1
            self._failures.record(
                failure_key(errand.question, errand.query), now, step.octets, EDE_NO_REACHABLE_AUTHORITY
            )
        else:
            self.counters["answered"] += 1
            if self._failures.entries:
                self._failures.forget(failure_key(errand.question, errand.query))
        self._results.append((errand.token, step.octets, 0))

    def _failed(self, errand: MissErrand, step: Failed, now: float) -> None:
        is_silence = step.ede != EDE_NETWORK_ERROR
        self.counters["failed_no_reachable_authority" if is_silence else "failed_network_error"] += 1
        if step.asked:
            self._failures.record(failure_key(errand.question, errand.query), now, None, step.ede)
        self._results.append((errand.token, None, step.ede))

    def _hand_back(self) -> None:
        if self._results:
            results, self._results = self._results, []
            self._plane.complete(results)

    # -- the forwarders' health -----------------------------------------------------------------------------------

    def _check_again(self) -> None:
        self._probe_timer = self._loop.call_later(PROBE_CHECK_S, self._check_again)
        self.check_forwarders(self._clock())

    def check_forwarders(self, now: float) -> None:
        """Probe those that are suspected or down, as often as is due at `now`."""
        for forwarder in self._forwarders:
            if forwarder.wants_probe(now):
                self._probe(forwarder, now)
        self._hand_back()

    def _probe(self, forwarder: Forwarder, now: float) -> None:
        forwarder.probing(now)
        self.counters["probes"] += 1
        self._exchanges.send(ProbeErrand(self, forwarder), Send(forwarder, "udp", self._patience.timeout_s), now)

    def forwarder_is_lost(self, forwarder: Forwarder) -> None:
        """Neither clients' questions nor our own are answered."""
        self.counters["forwarders_lost"] += 1
        _log.warning("forwarder %s does not answer; it is probed until it does", forwarder.label)

    def forwarder_is_back(self, forwarder: Forwarder) -> None:
        """What failed while it was down may succeed now."""
        self.counters["recoveries"] += 1
        self._failures.clear()
        _log.warning("forwarder %s answers again", forwarder.label)

    def _report_defect(self, now: float) -> None:
        self.counters["internal_errors"] += 1
        if now - self._defect_reported_at >= REPORT_DEFECTS_EVERY_S:
            self._defect_reported_at = now
            _log.exception("a miss met a defect; please report it")


def descriptors_for(wanted: int) -> int:
    """Raise the soft limit of open files as far as `wanted` questions need and the hard limit allows; how many fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + DESCRIPTORS_KEPT
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(64, min(wanted, soft - DESCRIPTORS_KEPT))
