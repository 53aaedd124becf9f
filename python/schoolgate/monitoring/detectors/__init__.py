"""One detector a module. Each sees rows in batches, counts within named bounds, and yields findings.

Time is passed in: the rows' own, and for what did *not* happen the instant up to which the log has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from schoolgate._core import LogRow
from schoolgate.alerts.findings import Finding
from schoolgate.checks.own_questions import OwnQuestions
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.monitoring.detectors.attempts import AsksFor, Attempts, no_rule_asks
from schoolgate.monitoring.detectors.circumvention import CircumventionScore
from schoolgate.monitoring.detectors.first_use import FirstUses
from schoolgate.monitoring.detectors.generated import GeneratedNames
from schoolgate.monitoring.detectors.rhythm import SegmentRhythm
from schoolgate.monitoring.detectors.sealed import SealedAttempts, SelfTests, no_self_tests
from schoolgate.monitoring.detectors.silence import SilentClients
from schoolgate.monitoring.detectors.tunnel import Tunnels
from schoolgate.monitoring.noise import Sieve
from schoolgate.policy.monitoring import Monitoring
from schoolgate.policy.school_calendar import SchoolCalendar
from schoolgate.telemetry import Logger

_log = Logger("schoolgate.monitor")


class Detector(Protocol):
    """`feed` rows that a person caused; `look` each minute; `saved` and `load` survive a restart."""

    name: str

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]: ...

    def look(self, now_s: int) -> Iterator[Finding]: ...

    def saved(self) -> Any: ...

    def load(self, saved: Any) -> None: ...


@dataclass(frozen=True)
class Watch:
    """All detectors behind the sieve. `rhythm` counts every row: an hour's total is noise and all."""

    sieve: Sieve
    rhythm: SegmentRhythm
    first_uses: FirstUses
    attempts: Attempts
    others: tuple[Detector, ...]
    # What our own checks asked: no detector sees it, and no hour's total counts it.
    own_questions: Callable[[], OwnQuestions] = OwnQuestions
    # detector -> its defect: it stays out of the way of the others, and `status` names it.
    defects: dict[str, str] = field(default_factory=dict)

    @property
    def detectors(self) -> tuple[Detector, ...]:
        return (self.rhythm, self.first_uses, self.attempts, *self.others)

    def feed(self, rows: list[LogRow]) -> list[Finding]:
        """What these rows say, in the order of the detectors."""
        own = self.own_questions()
        rows = [row for row in rows if not own.has(row.client, row.qname, row.time_us)]
        sorted_rows = [(row, self.sieve.kind(row)) for row in rows]
        kept = [row for row, kind in sorted_rows if kind == "kept"]
        self.attempts.count(row for row, kind in sorted_rows if kind == "repeat")
        found: list[Finding] = []
        for detector in self.detectors:
            self._ask(detector, found, detector.feed(rows if detector is self.rhythm else kept))
        return found

    def look(self, now_s: int) -> list[Finding]:
        """What did not happen until `now_s`; everything written before it has been fed."""
        found: list[Finding] = []
        for detector in self.detectors:
            self._ask(detector, found, detector.look(now_s))
        return found

    def missed_before(self, time_s: int) -> None:
        """Ordinary rows before this moment were passed over."""
        self.rhythm.missed_before(time_s)

    def _ask(self, detector: Detector, found: list[Finding], says: Iterator[Finding]) -> None:
        """A row that makes one detector fail must not blind the others, nor stop the monitor again and again."""
        try:
            found.extend(says)
        except Exception as error:
            if detector.name not in self.defects:
                _log.error("a detector has a defect", detector=detector.name, exc_info=error)
            self.defects[detector.name] = f"{type(error).__name__}: {error}"

    def saved(self) -> dict[str, Any]:
        return {detector.name: detector.saved() for detector in self.detectors}

    def load(self, saved: dict[str, Any]) -> list[str]:
        """Names of the detectors whose state could not be used; they begin anew."""
        unusable = []
        for detector in self.detectors:
            if detector.name not in saved:
                continue
            try:
                detector.load(saved[detector.name])
            except (TypeError, ValueError, KeyError, AttributeError, IndexError):
                unusable.append(detector.name)
        return unusable


def watch(
    settings: Monitoring,
    known: CategoryFacts,
    zone: ZoneInfo,
    asks_for: AsksFor = no_rule_asks,
    self_tests: SelfTests = no_self_tests,
    own_questions: Callable[[], OwnQuestions] = OwnQuestions,
    calendar: Callable[[], SchoolCalendar] = SchoolCalendar,
) -> Watch:
    """Every detector, with the school's thresholds, its clock on the wall, its days, and what its rules ask for."""
    return Watch(
        Sieve(settings.noise, known),
        SegmentRhythm(settings.rhythm, zone, calendar),
        FirstUses(settings.first_use, known),
        Attempts(settings.repeated, known, asks_for),
        (
            SealedAttempts(self_tests),
            CircumventionScore(settings.circumvention),
            SilentClients(settings.silence, zone, calendar),
            Tunnels(settings.tunnel),
            GeneratedNames(settings.generated),
        ),
        own_questions,
    )
