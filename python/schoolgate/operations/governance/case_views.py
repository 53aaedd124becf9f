"""Looks at cases: the list, one with its steps and alerts, how many are open, how many alerts were false, an export.

A head and a director see that there is a case, how severe, and what came of it; no note, no device, no site.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertRefused
from schoolgate.audit.errors import AuditProblem
from schoolgate.governance import cases
from schoolgate.governance.cases import Case
from schoolgate.governance.errors import NoSuchRecord
from schoolgate.governance.steps import Step, with_entries
from schoolgate.operations.alert_access import alerts_of, seen_of, threats_of
from schoolgate.operations.registry import looks, sees
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from schoolgate.governance.record_store import Record

MOST_ROWS = 100
_READ_AT_ONCE = 100
_DAY = dt.timedelta(days=1)

State = Literal["open", "closed"]
Severity = Literal["notice", "warning", "urgent"]


@dataclass(frozen=True)
class CaseShown:
    """One case. Times in microseconds since 1970, UTC. `may_work`, `may_judge`: whether the caller may. Who sees it
    and does not work on it gets no note, judgement or reference, no name of a colleague, and no sentence that a person
    wrote: it may name a child."""

    number: int
    version: int
    state: str
    concern: str
    source: str
    sentence: str
    theme: str
    severity: str
    group: str
    alerts: tuple[int, ...]
    tickets: tuple[int, ...]
    is_expected: bool
    is_illegal: bool
    opened_us: int
    due_us: int | None
    is_overdue: bool
    acknowledged_by: str
    judgement: str
    judged_by: str
    judged_us: int | None
    outcome: str | None
    is_false_alert: bool
    reference: str
    may_work: bool
    may_judge: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class CasePage:
    """Newest first. `before`: what gets the next page; None where there is none."""

    cases: tuple[CaseShown, ...]
    before: int | None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"cases": len(self.cases)}


@dataclass(frozen=True)
class CaseWithAlerts:
    """`alerts`: those of the case that are still kept and that the caller may see, with the device where they may.
    `changed`: which steps, from 0, are not what the audit log has a digest of: they were changed beside it."""

    case: CaseShown
    alerts: tuple[Alert, ...]
    changed: tuple[int, ...] = ()

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"alerts": list(self.case.alerts)}


@dataclass(frozen=True)
class CaseCounts:
    """Open cases that the caller sees, by severity, and how many of them should have been judged."""

    open: dict[str, int]
    overdue: int


@dataclass(frozen=True)
class CaseSummary:
    """How alerts and cases ended. `false_alert_rate`: `false_alarms` of `alerts_judged`; None where none was judged.
    `minutes_to_seen`: the middle one of the times until an alert was seen; None where none was seen."""

    since: dt.datetime
    alerts: int
    alerts_judged: int
    false_alarms: int
    false_alert_rate: float | None
    minutes_to_seen: int | None
    cases_opened: int
    cases_closed: int
    cases_false: int
    outcomes: dict[str, int]


@looks("case.list")
async def list_cases(
    work: Work, states: tuple[State, ...] = ("open",), severities: tuple[Severity, ...] = (),
    before: int | None = None, most: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 25,
) -> CasePage:  # fmt: skip
    """Cases that the caller sees, newest first, without what was noted and judged: to read that is on record."""
    found = await _page(work, states, severities, before, most)
    shown = tuple(replace(one, judgement="", judged_by="", reference="", steps=()) for one in found.cases)
    return replace(found, cases=shown)


async def _page(
    work: Work, states: tuple[State, ...], severities: tuple[Severity, ...], before: int | None, most: int
) -> CasePage:
    found: list[Record[Case]] = []
    async for one in seen_cases(work, states, before):
        if not severities or one.fields.severity in severities:
            found.append(one)
        if len(found) > most:
            break
    shown = tuple(case_shown(work, one) for one in found[:most])
    return CasePage(shown, shown[-1].number if len(found) > most else None)


@looks("case.counts")
async def counts(work: Work) -> CaseCounts:
    """How many cases are open, by severity."""
    by_severity: dict[str, int] = {}
    overdue = 0
    async for one in seen_cases(work, (cases.OPEN,), None):
        by_severity[one.fields.severity] = by_severity.get(one.fields.severity, 0) + 1
        overdue += _is_overdue(work, one)
    return CaseCounts(by_severity, overdue)


@sees("case.show")
async def show(work: Work, number: int) -> CaseWithAlerts:
    """One case with its steps and its alerts. Raises `NoSuchRecord`."""
    found = await case_of(work, number)
    if not cases.sees(found.fields.concern, work.actor.roles):
        raise not_for_it(number)
    alerts = await asyncio.to_thread(_alerts, work, found.fields.alerts)
    return CaseWithAlerts(case_shown(work, found), alerts, await _changed(work, found))


@looks("case.summary")
async def summary(work: Work, days: Annotated[int, Field(ge=1, le=3660)] = 30) -> CaseSummary:
    """How many alerts were false, of how many that were judged, and how cases ended."""
    since = work.now - days * _DAY
    since_us, outcomes = int(since.timestamp() * 1e6), dict[str, int]()
    opened = closed = false = 0
    async for one in _all_cases(work, (), None):
        opened += one.created_us >= since_us
        if one.state == cases.CLOSED and one.changed_us >= since_us and one.fields.outcome is not None:
            closed += 1
            false += one.fields.is_false_alert
            outcomes[one.fields.outcome.value] = outcomes.get(one.fields.outcome.value, 0) + 1
    measured = await asyncio.to_thread(_measured, work, since)
    return CaseSummary(since, *measured, opened, closed, false, outcomes)


@sees("case.export")
async def export(
    work: Work, states: tuple[State, ...] = ("open", "closed"), before: int | None = None,
    most: Annotated[int, Field(ge=1, le=MOST_ROWS)] = MOST_ROWS,
) -> CasePage:  # fmt: skip
    """Cases with their steps, for a case system, newest first. No device is in it."""
    return await _page(work, states, (), before, most)


async def case_of(work: Work, number: int) -> Record[Case]:
    """Raises `NoSuchRecord`."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        return await record_store.get(connection, store.site_id, Case, number)


async def seen_cases(work: Work, states: Collection[str], before: int | None) -> AsyncIterator[Record[Case]]:
    """Cases that the caller may know of, newest first."""
    async for one in _all_cases(work, states, before):
        if cases.sees(one.fields.concern, work.actor.roles):
            yield one


async def _all_cases(work: Work, states: Collection[str], before: int | None) -> AsyncIterator[Record[Case]]:
    from schoolgate.governance import record_store

    store = await work.store()
    while True:
        async with store.reading() as connection:
            found = await record_store.listed(
                connection, store.site_id, Case, states=states, before=before, most=_READ_AT_ONCE
            )
        for one in found:
            yield one
        if len(found) < _READ_AT_ONCE:
            return
        before = found[-1].number


def not_for_it(number: int) -> NoSuchRecord:
    """The refusal of a case of safeguarding: to IT there is none."""
    from schoolgate.governance import record_store

    return record_store.no_such(Case, number)


def case_shown(work: Work, found: Record[Case]) -> CaseShown:
    """A case as the caller may see it."""
    fields, roles = found.fields, work.actor.roles
    may_work = cases.works_on(fields.concern, roles)
    steps = with_entries(found, fields.steps)
    if not may_work:
        steps = tuple(replace(one, who="", name="", note="") for one in steps)
    is_read = may_work or fields.source == "alert"
    return CaseShown(
        number=found.number, version=found.version, state=found.state, concern=fields.concern, source=fields.source,
        sentence=fields.sentence if is_read else "", theme=fields.theme, severity=fields.severity,
        group=fields.group, alerts=fields.alerts, tickets=fields.tickets, is_expected=fields.is_expected,
        is_illegal=fields.theme == cases.ILLEGAL, opened_us=found.created_us, due_us=found.due_us,
        is_overdue=_is_overdue(work, found), acknowledged_by=fields.acknowledged_by if may_work else "",
        judgement=fields.judgement if may_work else "", judged_by=fields.judged_by if may_work else "",
        judged_us=fields.judged_us, outcome=fields.outcome.value if fields.outcome is not None else None,
        is_false_alert=fields.is_false_alert, reference=fields.reference if may_work else "", may_work=may_work,
        may_judge=cases.works_on("safeguarding", roles), steps=steps,
    )  # fmt: skip


async def _changed(work: Work, found: Record[Case]) -> tuple[int, ...]:
    """Which steps are not those whose digests are in the audit log."""
    from schoolgate.storage import audit_reading

    store, changed = await work.store(), []
    for index, step in enumerate(with_entries(found, found.fields.steps)):
        epoch, number = step.entry or (0, 0)
        try:
            entry = await audit_reading.entry(store, number, epoch)
        except AuditProblem:
            changed.append(index)
            continue
        if entry.fields["detail"].get("step") != step.digest:
            changed.append(index)
    return tuple(changed)


def _is_overdue(work: Work, found: Record[Case]) -> bool:
    return found.state == cases.OPEN and found.due_us is not None and found.due_us < work.now_us


def _alerts(work: Work, numbers: Collection[int]) -> tuple[Alert, ...]:
    """Those that are still kept: a closed alert goes by its age, and the case stays."""
    threats, found = threats_of(work), []
    with alerts_of(work) as store:
        for number in numbers:
            try:
                seen = seen_of(work, store.get(number), threats)
            except AlertRefused:
                continue
            if seen is not None:
                found.append(seen)
    return tuple(found)


def _measured(work: Work, since: dt.datetime) -> tuple[int, int, int, float | None, int | None]:
    """Alerts, judged ones, false alarms, their share, and the middle time until one was seen, in minutes."""
    with alerts_of(work) as store:
        rules = store.summary(since)["rules"].values()
        waits = store.minutes_to_seen(since)
    alerts, judged = sum(one["alerts"] for one in rules), sum(sum(one["outcomes"].values()) for one in rules)
    false = sum(one["outcomes"].get("false-alarm", 0) for one in rules)
    middle = sorted(waits)[len(waits) // 2] if waits else None
    return alerts, judged, false, false / judged if judged else None, middle
