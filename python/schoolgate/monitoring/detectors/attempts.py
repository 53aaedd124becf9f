"""Denied questions of a category that calls for a person: each one, and one client trying again and again.

One question can be a mistyped word or a picture in a page; the school's rules say from which count on it matters.
Denials of other categories, and by the school's own deny rules, are findings where a rule asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schoolgate._core import LogRow
from schoolgate.alerts.findings import ATTEMPT, MOST_NAMES, REPEATED, Finding
from schoolgate.monitoring.bounded_states import BoundedStates
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.policy.monitoring import DENIED_BY_LAYER, Repeated

# Clients times alert categories that are remembered at once; a large school has some hundred in an hour.
MOST_PAIRS = 20_000
# Moments remembered of a pair; more would not change the finding.
MOST_MOMENTS = 64
# A page that is opened once asks for all its names within a few seconds.
ONE_MOMENT_S = 15
_REASONS = {
    "own-list": "that the school's own rules deny",
    "trust-locked": "that locked rules deny",
    "unknown-name": "that is on no list of allowed names",
}
# (segment, detector, category): whether a rule asks for such findings.
AsksFor = Callable[[str, str, str | None], bool]


def no_rule_asks(segment: str, detector: str, category: str | None) -> bool:
    """Where there are no rules."""
    return False


@dataclass(slots=True)
class _Moments:
    at_s: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    told_s: int = 0


class Attempts:
    """Findings `attempt` for each, `repeated-attempts` for a client that goes on."""

    name = REPEATED

    def __init__(self, settings: Repeated, known: CategoryFacts, asks_for: AsksFor = no_rule_asks) -> None:
        self._settings = settings
        self._asks_for = asks_for
        self._known = known
        self._window_s = settings.window_minutes * 60
        self._moments: BoundedStates[_Moments] = BoundedStates(_Moments, MOST_PAIRS)

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            if not row.is_denied or row.is_sealed:
                continue
            level = self._known.alert.get(row.category or "")
            detector = ATTEMPT if row.category is not None else DENIED_BY_LAYER.get(row.layer)
            if level is not None:
                yield self._attempt(row, ATTEMPT, level)
                if self._again(row):
                    yield self._repeated(row, level)
            elif detector is not None and self._asks_for(row.segment, detector, row.category):
                yield self._attempt(row, detector, "none")

    def _attempt(self, row: LogRow, detector: str, level: str) -> Finding:
        reason = _REASONS.get(detector) or f"of the category {self._known.title(row.category)}"
        return Finding(
            detector, "urgent" if level == "urgent" else "notice", row.segment, row.client, row.time_us, 0,
            f"A device asked for a blocked name {reason}.",
            category=row.category, evidence={"questions": 1}, names=(row.qname,),
        )  # fmt: skip

    def _again(self, row: LogRow) -> bool:
        """Whether this row completes the count; true once a window."""
        pair = self._moments.of(f"{row.client} {row.category}")
        pair.at_s = [at for at in pair.at_s if row.time_s - at < self._window_s][-MOST_MOMENTS + 1 :]
        if row.qname not in pair.names:
            pair.names = [*pair.names, row.qname][-MOST_NAMES:]
        if pair.at_s and row.time_s - pair.at_s[-1] < ONE_MOMENT_S:
            return False
        pair.at_s.append(row.time_s)
        is_due = len(pair.at_s) >= self._settings.attempts and row.time_s - pair.told_s >= self._window_s
        if is_due:
            pair.told_s = row.time_s
        return is_due

    def _repeated(self, row: LogRow, level: str) -> Finding:
        pair = self._moments.of(f"{row.client} {row.category}")
        minutes, title = self._settings.window_minutes, self._known.title(row.category)
        return Finding(
            self.name, "urgent" if level == "urgent" else "warning", row.segment, row.client, row.time_us,
            self._window_s,
            f"One device tried blocked names of the category {title} at {len(pair.at_s)} different moments within"
            f" {minutes} minutes.",
            category=row.category, evidence={"moments": len(pair.at_s), "window_minutes": minutes},
            names=tuple(pair.names),
        )  # fmt: skip

    def look(self, now_s: int) -> Iterator[Finding]:
        for key, pair in self._moments.items():
            if not pair.at_s or now_s - pair.at_s[-1] >= self._window_s:
                self._moments.drop(key)
        return iter(())

    def saved(self) -> Any:
        return self._moments.saved()

    def load(self, saved: Any) -> None:
        self._moments.load(saved)
