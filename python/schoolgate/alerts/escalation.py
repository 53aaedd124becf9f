"""Escalation by severity: an alert that no one has seen goes to one post after another, in school hours and outside.

What was done stands in the alert's history, in the transaction that lays the message out: a restart repeats nothing,
and each post is told once of an alert until the alert gets worse. To acknowledge, close, or open a case ends it, and
takes back what has not left. A step does not wait for the delivery of the one before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from zlib import crc32
from zoneinfo import ZoneInfo

from schoolgate.alerts import messages
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import STEP, AlertStore
from schoolgate.alerts.outbox import Outbox
from schoolgate.config.escalation import Escalation, EscalationStep

# What is written into the history of an alert, before the name of the post.
PASSED_ON = "passed on to "
# An alert that waited longer is seen on Home; the first settings do not tell of a year.
LONGEST = dt.timedelta(days=7)
# Of a stretch without a school day: the summer holidays.
_MOST_DAYS = 70
_DAY = dt.timedelta(days=1)


def escalate_steps(
    settings: Escalation, zone: ZoneInfo, threats: Collection[str], store: AlertStore, outbox: Outbox, now: dt.datetime
) -> int:
    """Lays out the messages of steps whose time has come. `threats`: categories that are IT's. Returns how many steps
    were taken."""
    severities = {severity for step in settings.steps if step.to for severity in step.severities}
    if not severities:
        return 0
    taken = 0
    # Read and noted in one transaction: an acknowledgement that comes meanwhile counts.
    with store.transaction() as db:
        for alert, since, told in store.unseen(db, sorted(severities), now - LONGEST, PASSED_ON):
            for step in due_steps(settings, _concern(alert, threats), alert.severity, since, now, zone):
                if step.post.casefold() in told or not step.to:
                    continue
                told.add(step.post.casefold())
                minutes = int((now - since).total_seconds() // 60)
                key = f"{STEP}-{alert.id}-{alert.severity}-{crc32(step.post.encode()):08x}"
                message = messages.step(alert, key, step.post, _concern(alert, threats), zone, now, minutes)
                outbox.put(db, step.to, message, now, now, alert.id)
                store.note(db, alert.id, now, "schoolgate", f"{PASSED_ON}{step.post}", f"not seen for {minutes} min")
                taken += 1
    return taken


def due_steps(
    settings: Escalation, concern: str, severity: str, since: dt.datetime, now: dt.datetime, zone: ZoneInfo
) -> Iterator[EscalationStep]:
    """The steps of an alert whose time has come, in the order of their minutes. Those of certain hours count from the
    begin of these."""
    is_school, began = stretch_of(settings, now, zone)
    for step in sorted(settings.steps, key=lambda one: one.after_minutes):
        is_now = step.hours == "always" or (step.hours == "school") == is_school
        counted_from = since if step.hours == "always" else max(since, began)
        is_late = now - counted_from >= dt.timedelta(minutes=step.after_minutes)
        if is_now and is_late and severity in step.severities and concern in step.concerns:
            yield step


def stretch_of(settings: Escalation, now: dt.datetime, zone: ZoneInfo) -> tuple[bool, dt.datetime]:
    """Whether school is on, and since when that is so."""
    opens, closes = settings.hours
    today = now.astimezone(zone).date()
    if settings.is_school_day(today):
        begin, end = (dt.datetime.combine(today, one, zone) for one in (opens, closes))
        if begin <= now < end:
            return True, begin
        if now >= end:
            return False, end
    for back in range(1, _MOST_DAYS):
        day = today - back * _DAY
        if settings.is_school_day(day):
            return False, dt.datetime.combine(day, closes, zone)
    return False, now - _MOST_DAYS * _DAY


def gaps(settings: Escalation) -> list[tuple[str, str]]:
    """Concerns and hours in which an urgent alert reaches no post by a message; none where there are no steps at all,
    which is a choice."""
    if not settings.steps:
        return []
    return [
        (concern, hours)
        for concern in ("safeguarding", "technical")
        for hours in ("school", "other")
        if not any(
            step.to and "urgent" in step.severities and concern in step.concerns and step.hours in ("always", hours)
            for step in settings.steps
        )
    ]


def _concern(alert: Alert, threats: Collection[str]) -> str:
    return "technical" if alert.is_technical(threats) else "safeguarding"
