"""What a detector says: who, when, how bad, with the counts it rests on, in a sentence a teacher understands.

A finding about a sealed name never holds the name.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from schoolgate.policy.monitoring import Severity

MOST_NAMES = 5
SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "urgent")
# The detector whose findings are single denied questions of an alert category.
ATTEMPT = "attempt"
# The one whose findings are a client that goes on so.
REPEATED = "repeated-attempts"
# Questions of the self-test of sealed lists. No rule names it: it is kept, and never sent.
SELF_TEST = "sealed-selftest"


@dataclass(frozen=True)
class Finding:
    """`segment` or `client` "" : the whole school, or no client in particular. `names` are as the log writes them."""

    detector: str
    severity: Severity
    segment: str
    client: str
    at_us: int
    window_s: int
    sentence: str
    category: str | None = None
    evidence: Mapping[str, int | float | str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    # Questions of devices that it speaks of; 0 where it counts other things, or questions that others have counted.
    questions: int = 0
    # Repeats within seconds of what a finding was made of: they count as questions, and fulfil no rule's count.
    is_repeat: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", self.names[:MOST_NAMES])

    @property
    def identity(self) -> str:
        """The same finding, made again from the same rows after a crash, has the same one."""
        parts = (
            self.detector,
            self.severity,
            self.segment,
            self.client,
            str(self.category),
            str(self.at_us),
            *self.names,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    @property
    def at(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.at_us / 1e6, dt.UTC)


def at_least(severity: str, least: str) -> bool:
    """Whether a severity is as bad as another, or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)
