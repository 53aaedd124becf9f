"""A change request as it is kept: what is asked and why, who asked, what was decided, what was done, step by step."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from schoolgate.governance.record_store import Fields

KIND = "change-request"
Action = Literal["open", "close", "other"]

SECOND = 1_000_000
DAY_US = 86_400 * SECOND
# A loosening ends by itself: after this where no end was named, and never later than a year.
DEFAULT_DAYS, MOST_DAYS = 28, 366
# Its askers are reminded so long before its end that another decision is in time.
REMINDED_US = 7 * DAY_US
MOST_NAMES, MOST_SEGMENTS, MOST_ASKERS, MOST_STEPS = 50, 64, 50, 200


# Steps of who asks. They stay where a person withdraws.
_ASKING = frozenset({"suggested", "requested", "joined"})


class State(StrEnum):
    """How far a request is."""

    suggested = "suggested"
    requested = "requested"
    approved = "approved"
    applied = "applied"
    refused = "refused"
    withdrawn = "withdrawn"
    expired = "expired"
    ended = "ended"


# In these another one for the same names and networks is merged into it.
OPEN = frozenset({State.suggested, State.requested, State.approved})


class Part(BaseModel):
    """A part of the fields. What a later program added is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Noted(Part):
    """What a person looked at or spoke about: who, when (a date as text) and what came of it."""

    person: str = ""
    on: str = ""
    said: str = ""


class Asker(Part):
    """Who asks, by actor, with the roles of that moment; `as_leader`: filed it, rather than suggested it."""

    actor: str
    at_us: int
    roles: tuple[str, ...] = ()
    as_leader: bool = False
    purpose: str = ""


class Decision(Part):
    """`revision`: of the policy when it was decided. `effect`: what the approver was shown, None where that was not
    looked at. `is_direct`: a tightening, which needs no second person. `is_alone`: of who asked for it, where the trust
    allows that."""

    by: str
    at_us: int
    is_approved: bool
    reason: str = ""
    conditions: str = ""
    review_us: int | None = None
    revision: int = 0
    is_direct: bool = False
    is_alone: bool = False
    effect: dict[str, Any] | None = None


class Verified(Part):
    """One name in one network, as explain said it right after the change. `by`: the running service, or the files."""

    name: str
    segment: str
    verdict: str
    layer: str
    revision: int
    by: str
    is_as_wanted: bool


class Applied(Part):
    """The change itself: revisions of the policy before and after it, and what explain said. `note`: of the person
    who made it by hand."""

    by: str
    at_us: int
    before: int
    after: int
    verified: tuple[Verified, ...] = ()
    note: str = ""


class Problem(Part):
    """Why an approved change is not in force; it is tried again once the policy is another than `revision`."""

    at_us: int
    revision: int
    said: str


class Step(Part):
    """One step of the time line. `notified`: accounts that a mail was put into the outbox for."""

    at_us: int
    actor: str
    what: str
    note: str = ""
    notified: tuple[str, ...] = ()


class ChangeRequest(Fields):
    """`segments`: none for the whole school. `names`: rules such as example.org or =example.org, sorted. `service`:
    what the names were taken from. `starts_us`, `until_us`: None is at once, and for good. `entries`: epoch and
    number of the audit entries of all earlier versions."""

    KIND: ClassVar[str] = KIND

    action: Action
    names: tuple[str, ...] = ()
    service: str = ""
    wanted: str = ""
    segments: tuple[str, ...] = ()
    group: str = ""
    purpose: str
    reviewed: Noted = Noted()
    alternatives: str = ""
    conversation: Noted = Noted()
    askers: tuple[Asker, ...] = ()
    starts_us: int | None = None
    until_us: int | None = None
    lead_view: Noted | None = None
    decision: Decision | None = None
    applied: Applied | None = None
    problem: Problem | None = None
    refused_because: str = ""
    renews: int | None = None
    reminded_us: int | None = None
    steps: tuple[Step, ...] = ()
    entries: tuple[tuple[int, int], ...] = ()

    @property
    def is_loosening(self) -> bool:
        """Whether it opens something, or may."""
        return self.action != "close"

    @property
    def requester(self) -> str:
        """The actor of the leader who filed it first; "" while it is a suggestion."""
        return next((one.actor for one in self.askers if one.as_leader), "")

    def is_asked_by(self, actor: str) -> bool:
        """Whether an actor suggested it, filed it or joined it."""
        return any(one.actor == actor for one in self.askers)

    def was_asked_by(self, actor: str) -> bool:
        """Whether an actor asks for it, or did before they withdrew."""
        return self.is_asked_by(actor) or any(one.actor == actor and one.what in _ASKING for one in self.steps)

    def with_asker(self, asker: Asker) -> ChangeRequest:
        """With another who asks; who asks already, and now as a leader, is marked so."""
        others = tuple(one for one in self.askers if one.actor != asker.actor)
        same = next((one for one in self.askers if one.actor == asker.actor), None)
        if same is None:
            return self.changed(askers=(*self.askers, asker)[:MOST_ASKERS])
        if asker.as_leader and not same.as_leader:
            return self.changed(askers=(*others, asker))
        return self

    def changed(self, **values: Any) -> ChangeRequest:
        """With other values; checked again."""
        held: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(held | values)

    def stepped(self, step: Step, **values: Any) -> ChangeRequest:
        """With a step more on its time line."""
        return self.changed(steps=(*self.steps, step)[-MOST_STEPS:], **values)


def subject_of(action: Action, names: tuple[str, ...], segments: tuple[str, ...], wanted: str) -> str:
    """What two requests for the same have in common. Begins with each name between spaces, so that a name is found."""
    what = " ".join(sorted(names)) or " ".join(wanted.split()).casefold()
    return f" {what} | {action} | {' '.join(sorted(segments))}"


def due_of(fields: ChangeRequest, state: State) -> int | None:
    """When the next thing happens to it by itself, or a person has to act; None: never."""
    if state is State.approved and fields.action != "other":
        return fields.starts_us or 0
    if state is not State.applied:
        return None
    found = [fields.until_us]
    if fields.until_us is not None and fields.reminded_us is None and fields.applied is not None:
        lasts = fields.until_us - fields.applied.at_us
        # One of a few hours is not announced: it was asked for to be short.
        found.append(fields.until_us - REMINDED_US if lasts > 2 * REMINDED_US else None)
    if fields.decision is not None:
        found.append(fields.decision.review_us)
    return min((one for one in found if one is not None), default=None)
