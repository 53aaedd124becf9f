"""The record of a check: when, who, what was tested, and what follows from it; made by a person or by the machine."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from schoolgate.governance.record_store import Fields

DeviceKind = Literal["owned", "personal", "guest", "server"]
Result = Literal["passed", "failed"]
# Subjects of records: who made the check.
BY_MACHINE, BY_PERSON = "segments", "person"
# What a person tried in vain to record as more is split in two records.
MOST_ACTIONS, MOST_ANSWERS = 20, 300
Words = Annotated[str, Field(max_length=300)]
Text = Annotated[str, Field(max_length=5_000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckAction(_Part):
    """What is to be done, by whom and until when. `done_us`: None while it is not."""

    what: Annotated[str, Field(min_length=1, max_length=1_000)]
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    due: dt.date
    done_us: int | None = None
    done_by: str = ""
    note: Annotated[str, Field(max_length=1_000)] = ""


class CheckAnswer(_Part):
    """One line of the table of probes: a name, what must come, and what came."""

    name: Words
    about: Words = ""
    expected: Words
    came: Words
    is_well: bool
    # Of an automatic check: the network it was asked from, and how.
    network: Words = ""
    transport: Words = ""


class CheckedNetwork(_Part):
    """A network of an automatic check."""

    segment: Words
    network: Words
    state: Words
    reason: Annotated[str, Field(max_length=1_000)] = ""
    asked: int = 0


class Check(Fields):
    """`place`: a site, a room or an area; `group`: who uses the device; `line`: the internet line it went out by.
    `answers`: what was tried (an automatic check keeps what was wrong), whose digest `table_sha256` is."""

    KIND: ClassVar[str] = "check"
    at_us: int
    who: Words
    is_automatic: bool = False
    result: Result
    tested: Text
    device_kind: DeviceKind
    system: Words = ""
    is_on_site: bool = True
    place: Words = ""
    group: Words = ""
    line: Words = ""
    findings: Text = ""
    actions: Annotated[tuple[CheckAction, ...], Field(max_length=MOST_ACTIONS)] = ()
    answers: Annotated[tuple[CheckAnswer, ...], Field(max_length=MOST_ANSWERS)] = ()
    networks: tuple[CheckedNetwork, ...] = ()
    table_sha256: str = ""
    policy_revision: int | None = None


class CheckPlan(Fields):
    """What is to be checked, and how often: each device kind at each place for each group, and each internet line.
    `every_days` None: once a term."""

    KIND: ClassVar[str] = "check-plan"
    places: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    groups: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    lines: Annotated[tuple[Words, ...], Field(max_length=20)] = ()
    every_days: Annotated[int, Field(ge=1, le=366)] | None = None


def open_actions(check: Check) -> tuple[CheckAction, ...]:
    """Those that are not done, the earliest first."""
    return tuple(sorted((one for one in check.actions if one.done_us is None), key=lambda one: one.due))


def state_of(check: Check) -> str:
    """`open` while something is to be done; else the result."""
    return "open" if open_actions(check) else check.result
