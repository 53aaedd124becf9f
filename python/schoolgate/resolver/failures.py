"""Failures remembered for a few seconds (RFC 9520), so that what cannot be resolved is not asked all the time.

A name whose servers are dead costs seconds and a socket for each attempt; clients retry it at once. The first failure
is remembered for a second, the next ones longer, up to five: never so long that a recovery goes unseen.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FIRST_S: Final = 1.0
LONGEST_S: Final = 5.0
FAILURES_MAX: Final = 4096
"""Stops a flood of random names under a dead zone from filling memory; the oldest failure gives way."""
KEPT_REPLY_OCTETS_MAX: Final = 512
"""A SERVFAIL is short; a longer one is not worth keeping."""


class Failure(NamedTuple):
    """What to answer until `until`: the forwarder's own SERVFAIL or REFUSED, or none and an EDE code (RFC 8914)."""

    until: float
    span_s: float
    octets: bytes | None
    ede: int


class FailureTable:
    """Question -> failure, bounded. Times are the caller's monotonic seconds."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Failure] = {}
        self.evicted = 0

    def recall(self, question: bytes, now: float) -> Failure | None:
        """The failure still in force for `question`, or None."""
        failure = self.entries.get(question)
        return failure if failure is not None and now < failure.until else None

    def record(self, question: bytes, now: float, octets: bytes | None, ede: int) -> None:
        """Remember a failure; one that follows soon on the last is remembered twice as long."""
        last = self.entries.pop(question, None)
        span_s = FIRST_S
        if last is not None and now < last.until + LONGEST_S:
            span_s = min(LONGEST_S, 2 * last.span_s)
        if len(self.entries) >= FAILURES_MAX:
            del self.entries[next(iter(self.entries))]
            self.evicted += 1
        kept = octets if octets is not None and len(octets) <= KEPT_REPLY_OCTETS_MAX else None
        self.entries[question] = Failure(now + span_s, span_s, kept, ede)

    def forget(self, question: bytes) -> None:
        """The question was answered after all."""
        self.entries.pop(question, None)

    def clear(self) -> None:
        """A forwarder has come back: what failed may succeed now."""
        self.entries.clear()
