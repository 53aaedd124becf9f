"""Cases: concerns that a person follows up, made of alerts, of a report by staff, or of what someone saw.

A case names no pupil and no device. It names alerts, which say what a device asked for to those who may see it, and
which can be erased. IT works on technical cases alone; of safeguarding it sees none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from schoolgate.accounts.roles import Role
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Fields, Record
from schoolgate.governance.steps import Step

DAY_US: Final = 86_400 * 1_000_000
MOST_ALERTS_OF_ONE: Final = 50
# A school has a few; more of them are a script, or a rule that cries wolf.
MOST_OPEN: Final = 2_000
OPEN, CLOSED = "open", "closed"

Severity = Literal["notice", "warning", "urgent"]
Concern = Literal["safeguarding", "technical"]
Source = Literal["alert", "report", "person"]
# The theme of what is on a list of illegal content.
ILLEGAL: Final = "illegal-content"


class CaseOutcome(StrEnum):
    """What came of a case."""

    no_concern = "no-concern"
    false_alarm = "false-alarm"
    spoken_to = "spoken-to"
    parents = "parents"
    referral = "referral"
    prevent = "prevent"
    police = "police"
    technical = "technical"


# What the alerts of a case are closed with: alerts have outcomes of their own, by which rules are measured. All others
# are "concern".
_ALERT_OUTCOMES: Final[Mapping[CaseOutcome, str]] = MappingProxyType(
    {CaseOutcome.no_concern: "other", CaseOutcome.false_alarm: "false-alarm", CaseOutcome.technical: "other"}
)
# Days until an open case should have been judged.
DUE_DAYS: Final[Mapping[str, int]] = MappingProxyType({"urgent": 1, "warning": 3, "notice": 7})


class Case(Fields):
    """A concern. `sentence`: what one would say to a colleague. `theme`: a category, or what found it. `group`: the
    segment, "" for several or none. `judgement`: of the safeguarding lead. `reference`: in the school's case system."""

    KIND: ClassVar[str] = "case"

    concern: Concern
    source: Source
    sentence: Annotated[str, Field(max_length=1_000)]
    theme: Annotated[str, Field(max_length=100)] = ""
    severity: Severity = "warning"
    group: Annotated[str, Field(max_length=253)] = ""
    alerts: tuple[int, ...] = ()
    tickets: tuple[int, ...] = ()
    is_expected: bool = False
    seen_us: int
    acknowledged_by: str
    judgement: str = ""
    judged_by: str = ""
    judged_us: int | None = None
    outcome: CaseOutcome | None = None
    is_false_alert: bool = False
    reference: Annotated[str, Field(max_length=200)] = ""
    steps: tuple[Step, ...] = ()


def works_on(concern: str, roles: Collection[Role]) -> bool:
    """Whether one of the roles follows up concerns of this kind."""
    is_it = not {Role.network_manager, Role.provider}.isdisjoint(roles)
    return Role.safeguarding_lead in roles or (concern == "technical" and is_it)


def sees(concern: str, roles: Collection[Role]) -> bool:
    """Whether one of the roles may know of it: a head and a director without what was noted."""
    return works_on(concern, roles) or not {Role.head, Role.trust_director}.isdisjoint(roles)


def due_us(severity: str, opened_us: int) -> int:
    """When it should have been judged."""
    return opened_us + DUE_DAYS[severity] * DAY_US


def open_case(found: Record[Case]) -> Case:
    """Its fields. Raises `RecordRefused` where it is closed."""
    if found.state == CLOSED:
        raise RecordRefused(f"case {found.number} is closed already; open another one that names it")
    return found.fields


def refuse_unjudged(found: Record[Case], outcome: CaseOutcome) -> None:
    """Raises `RecordRefused` for a matter of safeguarding of which no judgement was written. A false alarm is one."""
    fields = found.fields
    if fields.concern == "safeguarding" and not fields.judgement and outcome is not CaseOutcome.false_alarm:
        raise RecordRefused(
            f"case {found.number} has no judgement; talk to those who know the child, write what you found, then close"
        )


def refuse_held(cases: Iterable[Record[Case]], alerts: Collection[int]) -> None:
    """Raises `RecordRefused` where one of the alerts is in an open case."""
    for one in cases:
        if both := sorted(set(one.fields.alerts) & set(alerts)):
            raise RecordRefused(f"alert {both[0]} is in case {one.number} already; note it there")


def alert_outcome(fields: Case, outcome: CaseOutcome) -> str:
    """What the alerts of a case are closed with."""
    if outcome is CaseOutcome.no_concern and fields.is_expected:
        return "expected-lesson"
    return _ALERT_OUTCOMES.get(outcome, "concern")
