"""Registers: who answers for what, training, notices, suppliers, risks, decisions, meetings. Each a plain form.

A line that takes the place of an earlier one ends it. What ended stays on record and is due no more.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from schoolgate.governance.plain_form import Day, FormField, Line, LongText
from schoolgate.governance.record_store import Fields

CURRENT, ENDED = "current", "ended"
Scale = Annotated[int, Field(ge=1, le=5)]
NoticeText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)]

Post = Literal["governor", "senior_leader", "safeguarding_lead", "deputy_lead", "it", "data_protection", "other"]
POSTS: tuple[tuple[Post, str], ...] = (
    ("governor", "Governor who answers for filtering and monitoring"),
    ("senior_leader", "Senior leader who answers for filtering and monitoring"),
    ("safeguarding_lead", "Designated safeguarding lead"),
    ("deputy_lead", "Deputy safeguarding lead"),
    ("it", "IT support, of the school or a provider"),
    ("data_protection", "Data protection officer"),
    ("other", "Another post"),
)
# A school must have named these (filtering and monitoring standards, KCSIE, UK GDPR).
STATUTORY: tuple[Post, ...] = ("governor", "senior_leader", "safeguarding_lead", "it", "data_protection")


class Responsibility(Fields):
    """A post with what it does. Without a person or an organisation it is unfilled."""

    KIND: ClassVar[str] = "responsibility"
    post: Post
    duties: LongText
    person: Line = ""
    deputy: Line = ""
    organisation: Line = ""
    since: Day = None
    until: Day = None
    accepted_on: Day = None


class Training(Fields):
    """One person's training."""

    KIND: ClassVar[str] = "training"
    person: Line
    type: Literal["induction", "annual", "enhanced", "update"] = "annual"
    provider: Line = ""
    taken_on: Day
    expires_on: Day = None


class AupNotice(Fields):
    """A version of the rules of use. `text_sha256`: of the text, so that it can be proved which one was shown."""

    KIND: ClassVar[str] = "aup_notice"
    version: Line
    audience: Literal["pupils", "staff", "governors", "parents", "guests"] = "pupils"
    text: NoticeText
    text_sha256: str = ""
    shown_where: Line = ""
    accepted_by: Line = ""
    accepted_on: Day = None
    next_review_on: Day = None

    @model_validator(mode="before")
    @classmethod
    def _with_digest(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("text"), str):
            digest = hashlib.sha256(given["text"].strip().encode("utf-8", "surrogatepass")).hexdigest()
            return {**given, "text_sha256": digest}
        return given


class Supplier(Fields):
    """A contract or a licence."""

    KIND: ClassVar[str] = "supplier"
    what: Line
    supplier: Line
    type: Literal["contract", "licence", "service", "data_processing"] = "contract"
    reference: Line = ""
    begins_on: Day = None
    act_by_on: Day = None
    ends_on: Day = None
    note: LongText = ""


class Risk(Fields):
    """A line of the risk register."""

    KIND: ClassVar[str] = "risk"
    risk: Line
    likelihood: Scale
    impact: Scale
    controls: LongText
    owner: Line
    review_on: Day


class Meeting(Fields):
    """A meeting of the governing body at which filtering and monitoring was on the agenda."""

    KIND: ClassVar[str] = "meeting"
    body: Line = "Governing body"
    held_on: Day
    reported: LongText = ""
    next_on: Day = None


class Decision(Fields):
    """Why something is open or closed. `path`: where the policy says it; `value`: what it said when it was decided.
    `is_of_template`: it was accepted with the others of a template, at the setup."""

    KIND: ClassVar[str] = "decision"
    path: Annotated[str, StringConstraints(min_length=1, max_length=400)]
    value: Line
    reason: LongText
    owner: Line
    review_on: Day
    is_of_template: bool = False


@dataclass(frozen=True)
class Register:
    """A kind with its form. `due`: the fields of which the first day that is there is when somebody has to act.

    `same`: fields by which a new line takes the place of an earlier one; none: each stands for itself.
    """

    model: type[Fields]
    title: str
    form: tuple[FormField, ...]
    subject: Callable[[Any], str]
    due: tuple[str, ...]
    same: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its name in operations and addresses."""
        return self.model.KIND

    def due_on(self, fields: Fields) -> dt.date | None:
        """The day by which somebody has to act."""
        days = (getattr(fields, name) for name in self.due)
        return next((day for day in days if day is not None), None)


_TRAININGS = (("induction", "Induction"), ("annual", "Yearly"), ("enhanced", "Enhanced"), ("update", "Update"))
_AUDIENCES = tuple((one, one.capitalize()) for one in ("pupils", "staff", "governors", "parents", "guests"))
_SUPPLIES = (
    ("contract", "Contract"), ("licence", "Licence"), ("service", "Service"),
    ("data_processing", "Data processing agreement"),
)  # fmt: skip
_SCALE = "From 1 (low) to 5 (high)."

REGISTERS: Mapping[str, Register] = {
    one.kind: one
    for one in (
        Register(
            Responsibility, "Responsibilities",
            (
                FormField("post", "Post", "choice", options=POSTS),
                FormField("duties", "What the post does", "text"),
                FormField("person", "Person", is_required=False, names_person=True),
                FormField("deputy", "Deputy", is_required=False, names_person=True),
                FormField("organisation", "Organisation or contract", is_required=False),
                FormField("since", "Since", "day", is_required=False),
                FormField("until", "Until", "day", is_required=False),
                FormField("accepted_on", "Accepted on", "day", "When the person agreed.", is_required=False),
            ),
            lambda one: dict(POSTS)[one.post], ("until",),
        ),
        Register(
            Training, "Training",
            (
                FormField("person", "Person", names_person=True),
                FormField("type", "Kind", "choice", options=_TRAININGS),
                FormField("provider", "By whom", is_required=False),
                FormField("taken_on", "Taken on", "day"),
                FormField("expires_on", "To be repeated by", "day", is_required=False),
            ),
            lambda one: dict(_TRAININGS)[one.type], ("expires_on",), ("person", "type"),
        ),
        Register(
            AupNotice, "Acceptable use notices",
            (
                FormField("version", "Version"),
                FormField("audience", "For", "choice", options=_AUDIENCES),
                FormField("text", "Text", "text", "Its digest is kept with it."),
                FormField("shown_where", "Where it is shown", is_required=False),
                FormField("accepted_by", "Accepted by", hint="A group, such as Year 7; no names.", is_required=False),
                FormField("accepted_on", "Accepted on", "day", is_required=False),
                FormField("next_review_on", "Next review", "day"),
            ),
            lambda one: one.audience, ("next_review_on",), ("audience",),
        ),
        Register(
            Supplier, "Suppliers and licences",
            (
                FormField("what", "What it is"),
                FormField("supplier", "Supplier"),
                FormField("type", "Kind", "choice", options=_SUPPLIES),
                FormField("reference", "Number", is_required=False),
                FormField("begins_on", "Begins", "day", is_required=False),
                FormField("act_by_on", "Renew or cancel by", "day", is_required=False),
                FormField("ends_on", "Ends", "day", is_required=False),
                FormField("note", "More", "text", is_required=False),
            ),
            lambda one: f"{one.what}, {one.supplier}", ("act_by_on", "ends_on"),
        ),
        Register(
            Risk, "Risks",
            (
                FormField("risk", "What may happen"),
                FormField("likelihood", "How likely", "number", _SCALE),
                FormField("impact", "How bad", "number", _SCALE),
                FormField("controls", "What is done against it", "text"),
                FormField("owner", "Who answers for it", hint="A post.", is_post=True),
                FormField("review_on", "Look again on", "day"),
            ),
            lambda one: one.risk, ("review_on",),
        ),
        Register(
            Decision, "Decisions",
            (
                FormField("path", "Where the policy says it"),
                FormField("value", "What it says"),
                FormField("reason", "Why", "text", "No names of pupils."),
                FormField("owner", "Who answers for it", hint="A post.", is_post=True),
                FormField("review_on", "Look again on", "day"),
            ),
            lambda one: one.path, ("review_on",), ("path",),
        ),
        Register(
            Meeting, "Meetings of the governing body",
            (
                FormField("body", "Body"),
                FormField("held_on", "Held on", "day"),
                FormField("reported", "What was reported", "text", is_required=False),
                FormField("next_on", "Next meeting", "day", is_required=False),
            ),
            lambda one: one.body, ("next_on",), ("body",),
        ),
    )
}  # fmt: skip


def unfilled_posts(held: Sequence[Responsibility], today: dt.date) -> tuple[str, ...]:
    """Posts that a school must have named and that no one holds now, in words. `held`: lines that are current."""
    filled = {
        one.post
        for one in held
        if (one.person or one.organisation)
        and (one.since is None or one.since <= today)
        and (one.until is None or one.until >= today)
    }
    return tuple(dict(POSTS)[post] for post in STATUTORY if post not in filled)
