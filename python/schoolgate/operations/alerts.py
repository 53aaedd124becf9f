"""Alerts, which the monitor writes: list, show, acknowledge, close, hold, test, digest, export.

A safeguarding lead sees all and closes all. IT sees and closes technical ones (software, threats, the filter's own
checks). Heads and directors see all, without devices and names.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field
from pydantic_core import PydanticCustomError

from schoolgate.accounts.roles import Role
from schoolgate.alerts import messages
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.delivery import deliver
from schoolgate.alerts.digest import DayDigest, digest_of
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import BUILT_IN, BUILT_IN_RULE
from schoolgate.config.problems import message_and_remedy
from schoolgate.errors import SchoolgateError
from schoolgate.operations import rights
from schoolgate.operations.alert_access import (
    alerts_of,
    is_theirs,
    not_for_it,
    seen_of,
    threats_of,
    without_identities,
)
from schoolgate.operations.governance.lesson_alerts import lessons_of
from schoolgate.operations.governance.lessons import LessonShown
from schoolgate.operations.pages import first_page
from schoolgate.operations.registry import Personal, changes, looks, sees
from schoolgate.operations.work import Work
from schoolgate.policy import parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.policy.model import Document
from schoolgate.policy.monitoring import Severity, parse_recipient
from schoolgate.storage import state_dir

OPEN = ("new", "acknowledged")
ALL = (*OPEN, "closed")
_ROWS_AT_ONCE = 1_000
_TECHNICAL_ROLES = frozenset({Role.network_manager, Role.provider})
_WITHOUT_IDENTITIES = frozenset({Role.head, Role.trust_director})

State = Literal["new", "acknowledged", "closed"]
Outcome = Literal["concern", "false-alarm", "expected-lesson", "known-person", "other"]
Most = Annotated[int, Field(ge=1, le=100_000)]


class NotARecipient(SchoolgateError):
    """The word is neither a mail address nor a webhook."""


class NotADay(SchoolgateError):
    """The word is no date."""


@dataclass(frozen=True)
class History:
    """What was done about an alert. `at`: ISO 8601, UTC."""

    at: str
    who: str
    what: str
    note: str


@dataclass(frozen=True)
class AlertShown:
    """One alert, oldest line of its history first. `is_yours`: whether the actor may work on it. `lessons`: announced
    ones that it belongs to, of `alerts.show` alone."""

    alert: Alert
    history: tuple[History, ...]
    is_yours: bool = True
    lessons: tuple[LessonShown, ...] = ()


@dataclass(frozen=True)
class AlertCounts:
    """Open alerts that the actor sees: by severity and then state. `held`: of these, kept as evidence.
    `new_since`: when the one was opened that waits longest to be seen."""

    open: dict[str, dict[str, int]]
    held: int
    new_since: dt.datetime | None


@dataclass(frozen=True)
class AlertPage:
    """Newest first. `before`: what gets the next page; None where there is none. `rules`: those that raise alerts."""

    alerts: tuple[Alert, ...]
    before: int | None
    rules: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ExportPage:
    """Newest first; `before` gets the next page."""

    alerts: tuple[AlertShown, ...]
    before: int | None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"alerts": len(self.alerts)}


@looks("alerts.list")
def list_alerts(
    work: Work, is_all: bool = False, most: Most = 100, is_self_test: bool = False, before: int | None = None,
    states: tuple[State, ...] = (), severities: tuple[Severity, ...] = (), segment: str | None = None,
) -> AlertPage:  # fmt: skip
    """Open alerts, or all, newest first, and the rules that raise them. `is_self_test`: those of self-tests instead.
    `states`, `severities`, `segment`: these alone."""
    document = _document(work)
    rules = {**document.alerts, **({} if BUILT_IN in document.alerts else {BUILT_IN: BUILT_IN_RULE})}
    wanted = states or (ALL if is_all or is_self_test else OPEN)
    with alerts_of(work) as store:
        seen = _seen(work, store, wanted, None, is_self_test, before)
        chosen = (
            one for one in seen if (not severities or one.severity in severities) and segment in (None, one.segment)
        )
        found, has_more = first_page(chosen, most)
    cursor = found[-1].id if has_more else None
    return AlertPage(found, cursor, {name: one.model_dump(mode="json", by_alias=True) for name, one in rules.items()})


@looks("alerts.counts")
def counts(work: Work) -> AlertCounts:
    """How many alerts are open, by severity and state."""
    with alerts_of(work) as store:
        seen = list(_seen(work, store, OPEN, None, False, None))
    by_severity: dict[str, dict[str, int]] = {}
    for one in seen:
        states = by_severity.setdefault(one.severity, {})
        states[one.state] = states.get(one.state, 0) + 1
    new_since = min((one.opened_at for one in seen if one.state == "new"), default=None)
    return AlertCounts(by_severity, sum(one.hold is not None for one in seen), new_since)


@sees("alerts.show")
async def show(work: Work, number: int) -> AlertShown:
    """One alert with its history, and the lessons that it belongs to. Raises `AlertRefused`."""
    shown = await asyncio.to_thread(_shown, work, number)
    (found,) = await lessons_of(work, [shown.alert])
    return replace(shown, lessons=found.lessons)


def _shown(work: Work, number: int) -> AlertShown:
    with alerts_of(work) as store:
        alert, threats = store.get(number), threats_of(work)
        seen = seen_of(work, alert, threats)
        if seen is None:
            raise not_for_it(number)
        history = _history(store, seen)
    if not rights.sees_identities(work.actor.roles, "alerts.show"):
        history = tuple(one if one.who == "schoolgate" else replace(one, note="") for one in history)
    return AlertShown(seen, history, is_theirs(work, alert, threats))


@looks("alerts.undelivered")
def undelivered(work: Work) -> tuple[dict[str, Any], ...]:
    """Messages that did not arrive, with the reason."""
    with alerts_of(work) as store:
        return tuple(Outbox(store).undelivered())


@looks("alerts.summary")
def summary(work: Work, days: Annotated[int, Field(ge=1, le=3660)] = 30) -> dict[str, Any]:
    """How many alerts each rule raised, and how many of the judged ones were false alarms."""
    with alerts_of(work) as store:
        return store.summary(work.now - dt.timedelta(days=days))


@looks("alerts.digest")
def digest(work: Work, day: str | None = None) -> DayDigest:
    """Every blocked question of a day, counted; of yesterday without a day. Raises `NotADay`, `LogProblem`."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    document = _document(work)
    yesterday = work.now.astimezone(ZoneInfo(document.time_zone)).date() - dt.timedelta(days=1)
    try:
        wanted = yesterday if day is None else dt.date.fromisoformat(day)
    except ValueError:
        raise NotADay(f"{day!r} is no day; write one such as {yesterday}") from None
    found = digest_of(work.settings, document, wanted)
    if rights.sees_identities(work.actor.roles, "alerts.digest"):
        return found
    return replace(found, alerts=tuple(map(without_identities, found.alerts)))


@sees("alerts.export")
def export(
    work: Work, since: AwareDatetime | None = None, is_self_test: bool = False, before: int | None = None
) -> ExportPage:
    """All alerts with their history, a page at a time. `is_self_test`: those of self-tests, and no others."""
    with alerts_of(work) as store:
        alerts = _seen(work, store, ALL, since, is_self_test, before)
        found, has_more = first_page(AlertShown(one, _history(store, one)) for one in alerts)
    return ExportPage(found, found[-1].alert.id if has_more else None)


@changes("alerts.acknowledge")
def acknowledge(work: Work, number: int, note: Annotated[str, Personal] = "") -> Alert:
    """A person has seen it: it is escalated no more."""
    with _theirs(work, number) as store:
        return store.acknowledge(number, work.actor.name, note, work.now)


@changes("alerts.close")
def close(work: Work, number: int, outcome: Outcome, note: Annotated[str, Personal] = "") -> Alert:
    """What came of it. One of safeguarding is closed by a safeguarding lead."""
    with _theirs(work, number) as store:
        return store.close_alert(number, outcome, work.actor.name, note, work.now)


@changes("alerts.hold")
def hold(work: Work, number: int, reason: Annotated[str, Personal]) -> Alert:
    """Keeps an alert as evidence: nothing of it is erased, and rows of its device are not erased on request."""
    with _theirs(work, number) as store:
        return store.hold(number, reason, work.actor.name, work.now)


@changes("alerts.release")
def release(work: Work, number: int) -> Alert:
    """Ends a hold."""
    with _theirs(work, number) as store:
        return store.hold(number, None, work.actor.name, work.now)


@changes("alerts.test")
def test(work: Work, recipient: Annotated[str, Personal]) -> None:
    """Sends a test message now, by no queue. Raises `DeliveryFailed`, which says what is wrong, and `NotARecipient`."""
    try:
        parse_recipient(recipient)
    except PydanticCustomError as error:
        raise NotARecipient(": ".join(message_and_remedy(error))) from None
    message = messages.test(f"test-{secrets.token_hex(8)}", work.now)
    asyncio.run(deliver(work.settings, recipient, message, 1))


@contextlib.contextmanager
def _theirs(work: Work, number: int) -> Iterator[AlertStore]:
    """The store, where this alert is the actor's to work on. Raises `AlertRefused`, `NotPermitted`."""
    with alerts_of(work) as store:
        if not is_theirs(work, store.get(number), threats_of(work)):
            raise not_for_it(number)
        yield store


def _seen(
    work: Work, store: AlertStore, states: Collection[str], since: dt.datetime | None, is_self_test: bool,
    before: int | None,
) -> Iterator[Alert]:  # fmt: skip
    """What the actor sees, newest first."""
    threats = threats_of(work)
    while True:
        found = store.alerts(tuple(states), _ROWS_AT_ONCE, since, self_tests=is_self_test, before=before)
        for one in found:
            seen = seen_of(work, one, threats)
            if seen is not None:
                yield seen
        if len(found) < _ROWS_AT_ONCE:
            return
        before = found[-1].id


def _history(store: AlertStore, alert: Alert) -> tuple[History, ...]:
    return tuple(History(**one) for one in store.history(alert.id))


def _document(work: Work) -> Document:
    _, text, label = active_or_first(work.settings)
    return parse(text, label).document
