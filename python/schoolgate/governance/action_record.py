"""Actions: what a review, a check, a risk or an external validator asks for, with an owner and a day."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schoolgate.governance.plain_form import Day, FormField, Line, LongText
from schoolgate.governance.record_store import Fields

Origin = Literal["review", "check", "case", "validator", "meeting", "risk", "other"]
ORIGINS: tuple[tuple[Origin, str], ...] = (
    ("review", "A review"),
    ("check", "A check"),
    ("case", "A case"),
    ("validator", "An external validator"),
    ("meeting", "A meeting of the governing body"),
    ("risk", "The risk register"),
    ("other", "Something else"),
)
OPEN, DONE = "open", "done"


class Action(Fields):
    """`origin_number`: of the record that it comes from."""

    KIND: ClassVar[str] = "action"
    what: Line
    owner: Line
    due_on: Day
    origin: Origin = "other"
    origin_number: Annotated[int, Field(ge=0, le=2**53)] | None = None
    note: LongText = ""
    done_on: Day = None
    done_note: LongText = ""


ACTION_FORM: tuple[FormField, ...] = (
    FormField("what", "What is to be done"),
    FormField("owner", "Who does it", hint="A post or a person.", names_person=True),
    FormField("due_on", "By when", "day"),
    FormField("origin", "It comes from", "choice", options=ORIGINS),
    FormField("origin_number", "Number of that record", "number", is_required=False),
    FormField("note", "More", "text", is_required=False),
)
