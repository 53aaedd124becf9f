"""On whose behalf a forwarder is asked: a client's miss, or ourselves who want to know whether the forwarder lives."""

from __future__ import annotations

from typing import Protocol

from schoolgate.resolver.forwarders import Forwarder
from schoolgate.resolver.query_octets import has_opt, question_of
from schoolgate.resolver.resolution import EDE_NETWORK_ERROR, Done, Failed, Resolution, Step


class StepTaker(Protocol):
    """The resolver, as its exchanges see it."""

    def take_step(self, owner: MissExchange, step: Step, now: float) -> None: ...
    def forwarder_lacks_edns(self, forwarder: Forwarder) -> None: ...
    def forwarder_is_back(self, forwarder: Forwarder) -> None: ...
    def forwarder_is_lost(self, forwarder: Forwarder) -> None: ...


class MissExchange:
    """One miss that met something odd: carries events of the exchanges to its resolution, and steps back."""

    __slots__ = ("key", "query", "question", "resolution", "service")

    def __init__(self, service: StepTaker, token: int, query: bytes, resolution: Resolution) -> None:
        self.service = service
        self.key = token
        self.query = query
        self.question = question_of(query)
        self.resolution = resolution

    def replied(self, octets: bytes, now: float) -> None:
        step = self.resolution.replied(octets, now)
        if isinstance(step, Done) and not step.is_failure:
            self._learn(self.resolution.forwarder, self.resolution.has_edns, now)
        self.service.take_step(self, step, now)

    def answered(self, forwarder: Forwarder, query: bytes, now: float) -> None:
        self._learn(forwarder, has_opt(query), now)

    def _learn(self, forwarder: Forwarder, has_edns: bool, now: float) -> None:
        if self.resolution.shows_lack_of_edns(forwarder, has_edns, now):
            self.service.forwarder_lacks_edns(forwarder)

    def damaged(self, octets: bytes, now: float) -> None:
        self.service.take_step(self, self.resolution.damaged(octets, now), now)

    def guessed(self, now: float) -> None:
        self.service.take_step(self, self.resolution.guessed(now), now)

    def timed_out(self, now: float) -> None:
        self.service.take_step(self, self.resolution.timed_out(now), now)

    def failed(self, now: float) -> None:
        self.service.take_step(self, self.resolution.failed(now), now)

    def starved(self, now: float) -> None:
        self.service.take_step(self, Failed(EDE_NETWORK_ERROR, asked=False), now)


class ProbeExchange:
    """Our own question to a suspected forwarder: any answer at all proves that it lives.

    Every second probe repeats a question it has answered before, for forwarders that pass over the name servers of a
    zone in silence. A client chose that one, so it may prove life, never death: its zone may have died since."""

    __slots__ = ("forwarder", "is_repeat", "key", "query", "question", "service", "was_up")

    def __init__(self, service: StepTaker, key: int, forwarder: Forwarder) -> None:
        self.service = service
        self.key = key
        self.forwarder = forwarder
        self.was_up = forwarder.is_up
        self.query = probe_query(forwarder.probe_name)
        self.is_repeat = forwarder.answered_query is not None and forwarder.probes % 2 == 0
        if forwarder.answered_query is not None and self.is_repeat:
            self.query = forwarder.answered_query
        self.question = question_of(self.query)

    def replied(self, octets: bytes, now: float) -> None:
        if not self.was_up:
            self.service.forwarder_is_back(self.forwarder)

    def answered(self, forwarder: Forwarder, query: bytes, now: float) -> None:
        """Answers complete misses; a probe is none."""

    def damaged(self, octets: bytes, now: float) -> None:
        self.replied(octets, now)

    def guessed(self, now: float) -> None:
        """Says nothing about the forwarder; the next probe leaves from another port."""

    def timed_out(self, now: float) -> None:
        self._unanswered()

    def failed(self, now: float) -> None:
        self._unanswered()

    def _unanswered(self) -> None:
        if self.is_repeat:
            return
        self.forwarder.probe_unanswered()
        if self.was_up and not self.forwarder.is_up:
            self.service.forwarder_is_lost(self.forwarder)

    def starved(self, now: float) -> None:
        pass


def probe_query(name: str) -> bytes:
    """NS of `name` (plain text), RD set, id 0: a question every recursive server answers without work."""
    labels = [label.encode("ascii", "replace") for label in name.split(".") if label]
    wire = b"".join(bytes((len(label),)) + label for label in labels)
    return b"\0\0\1\0\0\1\0\0\0\0\0\0" + wire + b"\0\0\2\0\1"
