"""The daily digest: every blocked question of a day, counted by segment and reason, and what each rule of alerts has.

It rests on the query log, not on alerts: what no rule speaks of is in it too. It names no device and no site.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import ATTEMPT
from schoolgate.config import Settings
from schoolgate.policy import load_catalogue
from schoolgate.policy.model import Document
from schoolgate.policy.monitoring import DENIED_BY_LAYER, AlertRule
from schoolgate.querylog import QueryLog
from schoolgate.reports.gathering import ANSWERED, BLOCKED, CELLS, LAYERS, TIME_LIMIT_S
from schoolgate.reports.own_checks import OwnChecks
from schoolgate.reports.period import Kind, Period, period_of
from schoolgate.reports.self_tests import self_test_rows

# Alerts of one day that a digest names; the number of all is said.
MOST_ALERTS = 200
_STATES = ("new", "acknowledged", "closed")


@dataclass(frozen=True)
class Blocked:
    """Questions of a segment that were denied for one reason. `segment` "": clients of no segment. `detector` and
    `category`: as rules name them; `what`: for people."""

    segment: str
    detector: str
    category: str | None
    what: str
    questions: int


@dataclass(frozen=True)
class RuleOfDay:
    """What one rule has of a day: blocked questions that it concerns, and alerts that it raised."""

    rule: str
    deliver: str
    questions: int
    alerts: int


@dataclass(frozen=True)
class DayDigest:
    """One day of the school's own clock. `alerts`: those of rules that deliver by digest, newest first. `problems`:
    what of the log could not be read."""

    day: dt.date
    time_zone: str
    questions: int
    blocked: tuple[Blocked, ...]
    rules: tuple[RuleOfDay, ...]
    alerts: tuple[Alert, ...]
    problems: tuple[str, ...] = ()

    @property
    def blocked_questions(self) -> int:
        return sum(one.questions for one in self.blocked)


def digest_of(settings: Settings, document: Document, day: dt.date) -> DayDigest:
    """Blocks for as long as the log takes. Raises `LogProblem`, `AlertsUnavailable`."""
    zone = ZoneInfo(document.time_zone)
    period = period_of(Kind.daily, day, zone)
    names = {one.id: one.name for one in load_catalogue(settings.lists.dir).categories.values()}
    with QueryLog(settings.server.state_dir, time_limit_s=TIME_LIMIT_S) as log:
        cells = log.rollup(period.since, period.until, by=CELLS, without_own=ANSWERED)
        problems = log.problems
    total, denied = 0, Counter[tuple[str, str, str]]()
    for cell in cells:
        segment, action, layer, category = (str(key or "") for key in cell.key)
        total += cell.rows
        if action in BLOCKED:
            denied[segment, layer, category] += cell.rows
    for one in self_test_rows(settings.server.state_dir, period.since, period.until):
        denied[one.segment, "sealed", ""] -= 1
        total -= 1
    for (segment, _, layer, category), count in (
        OwnChecks(settings.server.state_dir).cells(period.since, period.until).items()
    ):
        denied[segment, layer, category] -= count
        total -= count
    blocked = [
        Blocked(
            segment,
            ATTEMPT if category else DENIED_BY_LAYER.get(layer, layer),
            category or None,
            names.get(category) or category or LAYERS.get(layer, layer),
            count,
        )
        for (segment, layer, category), count in denied.items()
        if count > 0
    ]
    blocked.sort(key=lambda one: (-one.questions, one.what, one.segment))
    raised = _alerts(settings.server.state_dir / "monitor" / "alerts.db", period)
    rules = tuple(_rule(name, rule, blocked, raised) for name, rule in document.alerts.items())
    by_digest = {name for name, rule in document.alerts.items() if rule.deliver == "digest"}
    told = tuple(one for one in raised if one.rule in by_digest)
    return DayDigest(day, document.time_zone, total, tuple(blocked), rules, told, problems)


def _rule(name: str, rule: AlertRule, blocked: Sequence[Blocked], raised: Sequence[Alert]) -> RuleOfDay:
    questions = sum(one.questions for one in blocked if rule.concerns(one.segment, one.detector, one.category))
    return RuleOfDay(name, rule.deliver, questions, sum(one.rule == name for one in raised))


def _alerts(path: Path, period: Period) -> list[Alert]:
    if not path.exists():
        return []
    with contextlib.closing(AlertStore.open(path)) as store:
        found = store.alerts(_STATES, 100_000, period.since)
    return [one for one in found if one.opened_at < period.until]


def recipients_of(document: Document) -> tuple[str, ...]:
    """Whom the digest goes to: those of [digest], and of the rules that deliver by it."""
    rules = (rule for rule in document.alerts.values() if rule.deliver == "digest")
    return tuple(dict.fromkeys((*document.digest.to, *(one for rule in rules for one in rule.to))))


def text_of(digest: DayDigest) -> str:
    """For a mail and a terminal."""
    return "\n".join(_lines(digest)) + "\n"


def _lines(digest: DayDigest) -> Iterator[str]:
    yield f"{digest.day:%A %-d %B %Y} ({digest.time_zone})"
    yield f"Questions asked: {digest.questions:,}; blocked: {digest.blocked_questions:,}."
    for problem in digest.problems:
        yield f"This digest is not complete: {problem}"
    if digest.blocked:
        yield ""
        yield "Blocked:"
        for one in digest.blocked:
            yield f"  {one.questions:>9,}  {one.what}, {f'network {one.segment}' if one.segment else 'in no network'}"
    if digest.rules:
        yield ""
        yield "Rules of alerts:"
        for rule in digest.rules:
            alerts = "no alerts, it counts" if rule.deliver == "count" else f"{rule.alerts} alerts"
            yield f"  {rule.rule} ({rule.deliver}): {rule.questions:,} blocked questions, {alerts}"
    if digest.alerts:
        yield ""
        yield "Alerts of rules that speak by this digest:"
        for alert in digest.alerts[:MOST_ALERTS]:
            where = f"network {alert.segment}" if alert.segment else "no network"
            yield f"  alert {alert.id}, {alert.severity}, {where}: {alert.sentence}"
        if len(digest.alerts) > MOST_ALERTS:
            yield f"  and {len(digest.alerts) - MOST_ALERTS} more"
    yield ""
    yield "A device asks for names that were not typed. One alert: schoolgate alerts show N"
