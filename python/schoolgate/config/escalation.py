"""[escalation]: who is told of an alert that no one has seen, one post after another, in school hours and outside."""

from __future__ import annotations

import datetime as dt
import re
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from schoolgate.config.message_fields import ClockTime, Recipient
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, Section, Whole

MOST_STEPS = 40
MOST_RECIPIENTS = 10
# Later than this it is no escalation; what still waits then is seen on Home.
LONGEST_WAIT_MINUTES = 24 * 60
MOST_CLOSED = 100
_TELEPHONE = re.compile(r"[+0-9][0-9 ()./x-]{2,39}")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Severity = Literal["notice", "warning", "urgent"]
Concern = Literal["safeguarding", "technical"]
Hours = Literal["school", "other", "always"]


def _post(value: object) -> str:
    if isinstance(value, str) and 1 <= len(value.strip()) <= 100 and value.isprintable():
        return value.strip()
    raise complaint(f"{shown(value)} is no post", 'write what the person is, such as "Deputy safeguarding lead"')


def _telephone(value: object) -> str:
    if isinstance(value, str) and (value == "" or _TELEPHONE.fullmatch(value)):
        return value
    raise complaint(f"{shown(value)} is no telephone number", 'write digits and spaces: "+44 20 7946 0000"')


def _closed(value: object) -> str:
    """A day or a stretch of days, as it is written."""
    first, dots, last = value.partition("..") if isinstance(value, str) else (str(value), "", "")
    try:
        start = dt.date.fromisoformat(first.strip())
        end = dt.date.fromisoformat(last.strip()) if dots else start
    except ValueError:
        raise complaint(f"{shown(value)} is not a date", 'write "2026-12-25" or "2026-12-21..2027-01-03"') from None
    if end < start:
        raise complaint(f"{shown(value)} ends before it starts", f'write "{end}..{start}"')
    return f"{start}..{end}"


class EscalationStep(Section):
    post: Annotated[str, PlainValidator(_post)] = Field(
        description="What the person is. Each post is told once of an alert, until the alert gets worse.",
        json_schema_extra=RELOAD,
    )
    to: Annotated[tuple[Recipient, ...], Field(max_length=MOST_RECIPIENTS)] = Field(
        default=(), description='Mail addresses, or "webhook:ID".', json_schema_extra=RELOAD
    )
    telephone: Annotated[str, PlainValidator(_telephone)] = Field(
        default="", description="Printed on the telephone sheet; no one is called by us.", json_schema_extra=RELOAD
    )
    hours: Hours = Field(
        default="always",
        description="school: while the school is open; other: outside; always.",
        json_schema_extra=RELOAD,
    )
    severities: Annotated[tuple[Severity, ...], Field(min_length=1)] = Field(
        default=("urgent",), description="Of alerts this urgent.", json_schema_extra=RELOAD
    )
    concerns: Annotated[tuple[Concern, ...], Field(min_length=1)] = Field(
        default=("safeguarding",),
        description="safeguarding, or technical: of software, threats, and the filter's own checks.",
        json_schema_extra=RELOAD,
    )
    after_minutes: Whole = Field(
        default=0,
        ge=0,
        le=LONGEST_WAIT_MINUTES,
        description="How long an alert was not seen; counted within these hours.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _reachable(self) -> EscalationStep:
        if not self.to and not self.telephone:
            raise complaint(f"{shown(self.post)} cannot be reached", "write to = [...] or telephone = ...")
        return self


class Escalation(Section):
    days: tuple[Day, ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), description="Days of school.", json_schema_extra=RELOAD
    )
    opens: ClockTime = Field(
        default="08:00", description="When school hours begin, in the school's zone.", json_schema_extra=RELOAD
    )
    closes: ClockTime = Field(default="16:30", description="When they end.", json_schema_extra=RELOAD)
    closed: Annotated[tuple[Annotated[str, PlainValidator(_closed)], ...], Field(max_length=MOST_CLOSED)] = Field(
        default=(), description='Holidays: "2026-12-25", "2026-12-21..2027-01-03".', json_schema_extra=RELOAD
    )
    steps: Annotated[tuple[EscalationStep, ...], Field(max_length=MOST_STEPS)] = Field(
        default=(), description="Who is told of an alert that was not seen, and when.", json_schema_extra=RELOAD
    )

    @model_validator(mode="after")
    def _hours_of_a_day(self) -> Escalation:
        if self.opens >= self.closes:
            raise complaint(f"school closes at {self.closes}, before it opens at {self.opens}", "write opens < closes")
        for one, other in combinations(self.steps, 2):
            if _meet(one, other):
                raise complaint(
                    f"{shown(one.post)} stands twice for the same alerts and hours",
                    "a post is told once of an alert: leave one out, or name another post",
                )
        return self

    def is_school_day(self, day: dt.date) -> bool:
        """Whether school is on this day."""
        is_closed = any(first <= day <= last for first, last in map(_stretch, self.closed))
        return _DAYS[day.weekday()] in self.days and not is_closed

    @property
    def hours(self) -> tuple[dt.time, dt.time]:
        """When a school day opens and closes."""
        return dt.time.fromisoformat(self.opens), dt.time.fromisoformat(self.closes)


def _stretch(text: str) -> tuple[dt.date, dt.date]:
    first, _, last = text.partition("..")
    return dt.date.fromisoformat(first), dt.date.fromisoformat(last)


def _meet(one: EscalationStep, other: EscalationStep) -> bool:
    """Whether both are of one post, and an alert could be for both."""
    is_same_time = one.hours == other.hours or "always" in (one.hours, other.hours)
    is_same_alert = set(one.severities) & set(other.severities) and set(one.concerns) & set(other.concerns)
    return one.post.casefold() == other.post.casefold() and is_same_time and bool(is_same_alert)
