"""The review of filtering and monitoring: at least once a year, and after a risk, a change or a new technology.

One field for each point that the policy names (`bullet`). What the system knows is filled in before a person begins.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from schoolgate.governance.plain_form import Day, FormField, Line, LongText
from schoolgate.governance.record_store import Fields

Trigger = Literal["annual", "risk", "practice", "technology", "ai", "incident", "other"]
TRIGGERS: tuple[tuple[Trigger, str], ...] = (
    ("annual", "The yearly review"),
    ("risk", "A new risk to safety was seen"),
    ("practice", "A change in how we work"),
    ("technology", "New technology"),
    ("ai", "A new AI tool"),
    ("incident", "Something happened"),
    ("other", "Something else"),
)


class Signature(BaseModel):
    """Who agreed, with a second factor given within five minutes. `who`: `account:UUID`; `roles` at that moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    who: str
    name: str
    roles: tuple[str, ...]
    at_us: int


class Review(Fields):
    """`sources`: of a field that was filled in by the system, the query that measured it. `began_us`: what happened
    since then is in it."""

    KIND: ClassVar[str] = "review"
    trigger: Trigger = "annual"
    trigger_detail: LongText = ""
    attendees: LongText = ""
    ages: LongText = ""
    send: LongText = ""
    eal: LongText = ""
    blocked_and_allowed: LongText = ""
    outside_influences: LongText = ""
    safeguarding_reports: LongText = ""
    digital_resilience: LongText = ""
    education_needs: LongText = ""
    related_policies: LongText = ""
    checks_made: LongText = ""
    ai_tools: LongText = ""
    personal_devices: LongText = ""
    limits: LongText = ""
    gaps: LongText = ""
    next_on: Day = None
    conclusion: Line = ""
    sources: dict[str, str] = Field(default_factory=dict)
    began_us: int = 0
    signatures: tuple[Signature, ...] = ()


REVIEW_FORM: tuple[FormField, ...] = (
    FormField("trigger", "Why now", "choice", options=TRIGGERS, bullet="trigger"),
    FormField("trigger_detail", "What it was", "text", is_required=False, bullet="trigger"),
    FormField(
        "attendees",
        "Who takes part",
        "text",
        "A line for each: post and name. A senior leader, the safeguarding lead, IT and a governor.",
        names_person=True,
        bullet="attendees",
    ),
    FormField("ages", "Ages of our pupils", "text", bullet="risk profile: ages"),
    FormField(
        "send",
        "Pupils with special needs or disabilities",
        "text",
        "In numbers and needs; no names.",
        bullet="risk profile: SEND",
    ),
    FormField(
        "eal",
        "Pupils with English as another language",
        "text",
        "Which languages; no names.",
        bullet="risk profile: EAL",
    ),
    FormField(
        "blocked_and_allowed",
        "What is closed or open, and why",
        "text",
        bullet="what is blocked or allowed and why",
        is_prefilled=True,
    ),
    FormField(
        "outside_influences",
        "Influences from outside",
        "text",
        "Such as county lines, gangs, extremism in the area.",
        bullet="outside influences",
    ),
    FormField(
        "safeguarding_reports",
        "Safeguarding reports",
        "text",
        "Counts; no names.",
        bullet="safeguarding reports",
        is_prefilled=True,
    ),
    FormField("digital_resilience", "How well pupils cope online", "text", bullet="digital resilience"),
    FormField(
        "education_needs",
        "What relationships, sex, health and PSHE lessons need open",
        "text",
        bullet="RSHE/PSHE needs",
    ),
    FormField("related_policies", "Related policies of the school", "text", bullet="related policies"),
    FormField(
        "checks_made",
        "Checks made, and how actions were handled",
        "text",
        bullet="checks made and how actions were handled",
        is_prefilled=True,
    ),
    FormField("ai_tools", "AI tools that are used", "text", bullet="AI tools seen", is_prefilled=True),
    FormField("personal_devices", "Personal devices and mobile data", "text", bullet="personal devices"),
    FormField("limits", "What this filter cannot do here", "text", bullet="limits of DNS", is_prefilled=True),
    FormField(
        "gaps", "Gaps", "text", "Each with an action below: an owner and a day.", is_required=False, bullet="gaps"
    ),
    FormField("conclusion", "In one sentence: is it right for our pupils?", "line", bullet="conclusion"),
    FormField("next_on", "Next review", "day", "At most a year from now.", bullet="next date"),
)
