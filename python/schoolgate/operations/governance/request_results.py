"""What the operations on change requests return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from schoolgate.governance.change_request import Action, ChangeRequest, State
from schoolgate.governance.record_store import Attached, Record
from schoolgate.replay.changes import SegmentReplay

# Who acts next: a leader files it, an approver decides, IT makes it by hand, its askers renew it, a leader reviews it.
Waits = Literal["", "leader", "decision", "carrying-out", "renewal", "review"]


@dataclass(frozen=True)
class Person:
    """`is_active`: the account may sign in. A user of this machine, and a job, are always active."""

    name: str
    is_active: bool


@dataclass(frozen=True)
class RequestRow:
    """A request without its texts. `waits`: for whom; `is_for_me`: the caller may do that; `is_mine`: the caller asks.
    `is_alone`: one person asked for it and approved it. Times in microseconds since 1970."""

    number: int
    version: int
    state: State
    action: Action
    names: tuple[str, ...]
    service: str
    wanted: str
    segments: tuple[str, ...]
    purpose: str
    askers: tuple[str, ...]
    created_us: int
    changed_us: int
    until_us: int | None
    waits: Waits
    is_for_me: bool
    is_mine: bool
    is_alone: bool = False


@dataclass(frozen=True)
class RequestsListed:
    """Newest first. `before`: gets the next page, None: there is none; a page may be empty and have a next one.
    `counts`: of all that there are, by state. `people`: by actor. `one_person_decides`: the
    trust lets who asked approve it."""

    requests: tuple[RequestRow, ...]
    before: int | None
    counts: dict[str, int]
    people: dict[str, Person]
    one_person_decides: bool = False


@dataclass(frozen=True)
class NameNow:
    """What one policy says of a name now, and which rule. `category`: None where no list says one."""

    name: str
    policy: str
    is_open: bool
    layer: str
    category: str | None
    feed: str | None
    rule: str | None


@dataclass(frozen=True)
class OtherHost:
    """A host that goes with a name. `why`: of the same service, or a name that a school needs."""

    name: str
    why: str


@dataclass(frozen=True)
class EarlierRequest:
    """Another request that named one of the names, and what came of it here."""

    number: int
    state: State
    action: Action
    names: tuple[str, ...]
    segments: tuple[str, ...]
    at_us: int
    said: str


@dataclass(frozen=True)
class RequestEffect:
    """What would open and close of what was asked in the last 30 days. `why_not`: it cannot be said, or not applied
    as it is. `lines`: what changes in the words of the policy."""

    lines: tuple[str, ...]
    segments: tuple[SegmentReplay, ...]
    names_left_out: int
    segments_left_out: tuple[str, ...]
    now: tuple[NameNow, ...]
    others: tuple[OtherHost, ...]
    why_not: str | None
    is_possible: bool

    def kept(self) -> dict[str, Any]:
        """What the record keeps of it: counts and first names for each network."""
        changed = (one for one in self.segments if one.opened.names or one.closed.names)
        return {
            "segments": [
                {
                    "segment": one.segment,
                    "opened": _counted(one, "opened"),
                    "closed": _counted(one, "closed"),
                }
                for one in changed
            ],
            "names_left_out": self.names_left_out,
            "why_not": self.why_not,
        }


@dataclass(frozen=True)
class RequestShown:
    """One request whole. `may`: what the caller may do with it now, by operation. `deciders`: actors who may decide.
    `effect`: where it was asked for. `version`: what a decision names. `alone`: the caller would decide their own
    request, and the recipients of that mail; None: they would not. `files`: without their octets."""

    number: int
    version: int
    state: State
    fields: ChangeRequest
    created_us: int
    created_by: str
    due_us: int | None
    waits: Waits
    may: tuple[str, ...]
    deciders: tuple[str, ...]
    earlier: tuple[EarlierRequest, ...]
    effect: RequestEffect | None
    people: dict[str, Person]
    alone: tuple[str, ...] | None = None
    files: tuple[Attached, ...] = ()


@dataclass(frozen=True)
class RequestChanged:
    """`is_new`: a record was made; else it was added to one that is open. `said`: what to know of it: why it is
    refused, why it is not in force yet, or for whom it waits."""

    number: int
    version: int
    state: State
    is_new: bool
    said: str
    revision: int | None = None

    @classmethod
    def of(cls, found: Record[ChangeRequest], said: str, *, is_new: bool = False) -> RequestChanged:
        """Of a record as it is now."""
        revision = found.fields.applied.after if found.fields.applied is not None else None
        return cls(found.number, found.version, State(found.state), is_new, said, revision)


@dataclass(frozen=True)
class RequestNotKept:
    """A request that could not be followed up, and why. The others were."""

    number: int
    said: str


@dataclass(frozen=True)
class RequestsKept:
    """What became of requests by themselves: numbers that were put in force, that ended, that were announced."""

    applied: tuple[int, ...]
    ended: tuple[int, ...]
    reminded: tuple[int, ...]
    failed: tuple[RequestNotKept, ...]


def _counted(one: SegmentReplay, which: Literal["opened", "closed"]) -> dict[str, Any]:
    change = one.opened if which == "opened" else one.closed
    first = [name.name for name in change.first]
    return {"names": change.names, "rows": change.rows, "devices": change.devices, "first": first}
