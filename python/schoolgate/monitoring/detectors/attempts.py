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
from schoolgate.policy.monitoring import DENIED_BY_LAYER, Repeated, Severity

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


@dataclass(slots=True)
class _Repeats:
    """Repeats that no finding has counted yet."""

    questions: int = 0
    last_us: int = 0
    level: str = "none"


class Attempts:
    """Findings `attempt` for each, `repeated-attempts` for a client that goes on."""

    name = REPEATED

    def __init__(self, settings: Repeated, known: CategoryFacts, asks_for: AsksFor = no_rule_asks) -> None:
        self._settings = settings
        self._asks_for = asks_for
        self._known = known
        self._window_s = settings.window_minutes * 60
        self._moments: BoundedStates[_Moments] = BoundedStates(_Moments, MOST_PAIRS)
        self._repeats: BoundedStates[_Repeats] = BoundedStates(_Repeats, MOST_PAIRS)

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            found = self._detector_of(row)
            if found is None:
                continue
            detector, level = found
            yield self._attempt(row, detector, level)
            if level != "none" and self._again(row):
                yield self._repeated(row, level)

    def count(self, rows: Iterable[LogRow]) -> None:
        """Repeats within seconds of what was fed: A, AAAA and HTTPS of one name, a device that asks again."""
        for row in rows:
            found = self._detector_of(row)
            if found is not None:
                repeats = self._repeats.of(_key(row, found[0]))
                repeats.questions += 1
                repeats.last_us, repeats.level = max(repeats.last_us, row.time_us), found[1]

    def _detector_of(self, row: LogRow) -> tuple[str, str] | None:
        """Detector and alert level of a denied question; None where nothing asks for it."""
        if not row.is_denied or row.is_sealed:
            return None
        level = self._known.alert.get(row.category or "")
        if level is not None:
            return ATTEMPT, level
        detector = ATTEMPT if row.category is not None else DENIED_BY_LAYER.get(row.layer)
        is_wanted = detector is not None and self._asks_for(row.segment, detector, row.category)
        return (detector, "none") if detector is not None and is_wanted else None

    def _attempt(self, row: LogRow, detector: str, level: str) -> Finding:
        key = _key(row, detector)
        repeated = self._repeats.of(key).questions if key in self._repeats else 0
        self._repeats.drop(key)
        return Finding(
            detector, _severity(level), row.segment, row.client, row.time_us, 0, self._sentence(detector, row.category),
            category=row.category, names=(row.qname,), questions=1 + repeated,
        )  # fmt: skip

    def _sentence(self, detector: str, category: str | None) -> str:
        reason = _REASONS.get(detector) or f"of the category {self._known.title(category)}"
        return f"A device asked for a blocked name {reason}."

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
        for key, repeats in self._repeats.items():
            self._repeats.drop(key)
            client, segment, detector, category = key.split(" ")
            yield Finding(
                detector, _severity(repeats.level), segment, client, repeats.last_us, 0,
                self._sentence(detector, category or None), category=category or None, questions=repeats.questions,
                is_repeat=True,
            )  # fmt: skip

    def saved(self) -> Any:
        return {"moments": self._moments.saved(), "repeats": self._repeats.saved()}

    def load(self, saved: Any) -> None:
        # The version before saved the moments alone.
        both = saved if isinstance(saved, dict) else {"moments": saved, "repeats": []}
        self._moments.load(both["moments"])
        self._repeats.load(both["repeats"])


def _key(row: LogRow, detector: str) -> str:
    """Ids and clients hold no space."""
    return f"{row.client} {row.segment} {detector} {row.category or ''}"


def _severity(level: str) -> Severity:
    return "urgent" if level == "urgent" else "notice"
