"""Who is told of an alert that no one has seen: the settings of [escalation], as people read them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from schoolgate.alerts.escalation import gaps, stretch_of
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone


@dataclass(frozen=True)
class StepShown:
    """One post. `hours`: school, other (outside), always. `after_minutes` within these hours."""

    post: str
    recipients: tuple[str, ...]
    telephone: str
    hours: str
    severities: tuple[str, ...]
    concerns: tuple[str, ...]
    after_minutes: int


@dataclass(frozen=True)
class EscalationGap:
    """Hours in which an urgent alert of a concern reaches no post by a message."""

    concern: str
    hours: str


@dataclass(frozen=True)
class EscalationShown:
    """`is_school`: whether school is on now; `since`: since when that is so. `closed`: holidays, as days or stretches
    of days."""

    is_school: bool
    since: dt.datetime
    time_zone: str
    days: tuple[str, ...]
    opens: str
    closes: str
    closed: tuple[str, ...]
    steps: tuple[StepShown, ...]
    gaps: tuple[EscalationGap, ...]


@looks("escalation.show")
def show(work: Work) -> EscalationShown:
    """Posts in their order, school hours, and hours in which no post is reached."""
    found, zone = work.settings.escalation, school_zone(work.settings) or ZoneInfo("UTC")
    is_school, since = stretch_of(found, work.now, zone)
    steps = tuple(
        StepShown(
            one.post, one.to, one.telephone, one.hours, tuple(one.severities), tuple(one.concerns), one.after_minutes
        )
        for one in sorted(found.steps, key=lambda each: each.after_minutes)
    )
    missing = tuple(EscalationGap(*one) for one in gaps(found))
    return EscalationShown(
        is_school, since, zone.key, tuple(found.days), found.opens, found.closes, found.closed, steps, missing
    )
