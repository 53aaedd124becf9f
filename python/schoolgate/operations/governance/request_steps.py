"""What every step of a change request does: reads it with the people of now, writes it with its audit entry, tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import Role
from schoolgate.governance import record_store, request_store
from schoolgate.governance.change_request import ChangeRequest, State, Step
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.governance.record_store import Record, Written, written
from schoolgate.governance.request_people import LEADERS, People, people
from schoolgate.operations.actor import local_name
from schoolgate.operations.governance import request_notices
from schoolgate.operations.work import Work
from schoolgate.storage.store import Change

# Who sees requests of others; a teacher sees what they ask for themselves.
SEES_ALL = frozenset(Role) - {Role.teacher, Role.governor}

# Of what people say before it is decided: half of what a record holds.
LONGEST_OCTETS = record_store.MOST_FIELD_OCTETS // 2

# What writes into the policy for a request stands in one line: the job that finishes a request, and who decides it.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """One at a time writes what requests wrote into the policy."""
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        yield


async def people_of(work: Work, change: Change) -> People:
    """Accounts and their roles, in the transaction."""
    return await people(change.connection, change.site_id, work.settings.accounts.school)


async def found_in(work: Work, change: Change, number: int, version: int | None = None) -> Record[ChangeRequest]:
    """The request, as the caller may know it. Raises `NoSuchRecord`, `RecordChanged`."""
    found = await record_store.get(change.connection, change.site_id, ChangeRequest, number)
    refuse_other(work, found, version)
    return found


def refuse_other(work: Work, found: Record[ChangeRequest], version: int | None) -> None:
    """Raises `NoSuchRecord` for who may not know of it, and `RecordChanged` where it is no longer this version."""
    refuse_stranger(work, found)
    if version is not None and version != found.version:
        raise RecordChanged(
            f"request {found.number} was changed in the meantime (version {found.version}); read it again"
        )


def refuse_stranger(work: Work, found: Record[ChangeRequest]) -> None:
    """Raises `NoSuchRecord` where the caller may not know of it."""
    if not work.actor.roles & SEES_ALL and not found.fields.is_asked_by(work.actor.id):
        raise NoSuchRecord(f"there is no {ChangeRequest.KIND} {found.number}")


def refuse_state(found: Record[ChangeRequest], *states: State) -> None:
    """Raises `RecordRefused` unless it is in one of these states."""
    if State(found.state) not in states:
        raise RecordRefused(f"request {found.number} is {found.state}; this is for one that is {' or '.join(states)}")


def refuse_same_name(work: Work, fields: ChangeRequest, known: People) -> None:
    """Raises `ApprovalRefused` where a user of this machine asked who has the login name of the caller's account."""
    if name := same_name(work, fields, known):
        raise ApprovalRefused(f"the user {name} of this machine asked for it; another person decides")


def same_name(work: Work, fields: ChangeRequest, known: People) -> str:
    """The user of this machine who asked and has the login name of the caller's account; "" where none has."""
    own = known.accounts.get(work.actor.id)
    names = (local_name(one.actor) for one in fields.askers) if own is not None else ()
    return next((one for one in names if one and own is not None and one.casefold() == own.login.casefold()), "")


def refuse_long(fields: ChangeRequest) -> None:
    """Raises `RecordRefused` where a request has so much text that its decision might find no room."""
    if len(fields.model_dump_json().encode()) > LONGEST_OCTETS:
        raise RecordRefused("this request has as many words as one may have; it is decided, or refused, as it is")


def entry_of(work: Work, operation: str, **detail: Any) -> Written:
    """How the audit log names a step of the caller."""
    return written(operation, work.actor.id, work.now_us, {"actor_name": work.actor.name}, **detail)


def step(work: Work, what: str, note: str = "", notified: Sequence[str] = ()) -> Step:
    """A step of the caller, now."""
    return Step(at_us=work.now_us, actor=work.actor.id, what=what, note=note, notified=tuple(notified))


def whom_to_notify(known: People, fields: ChangeRequest, what: str, actor: str) -> tuple[str, ...]:
    """Actors who get a mail about a step; never the one who made it."""
    if what == "suggested":
        found: Sequence[str] = known.holders(LEADERS)
    elif what == "requested":
        found = known.deciders(fields)
    else:
        found = [one.actor for one in fields.askers]
        if what == "not applied" or (what == "approved" and fields.action == "other"):
            found = [*found, *known.holders({Role.network_manager, Role.provider})]
    has_mail = (one for one in dict.fromkeys(found) if one != actor and request_notices.addresses(known, [one]))
    return tuple(has_mail)


async def tell(work: Work, known: People, found: Record[ChangeRequest], what: str, whom: Sequence[str]) -> None:
    """Puts the mails of a step that is on record."""
    await request_notices.put(work.settings, known, whom, found.number, found.version, what, work.now)


async def wrote(
    work: Work, change: Change, found: Record[ChangeRequest], fields: ChangeRequest, operation: str,
    state: State | None = None, subject: str | None = None, **detail: Any,
) -> Record[ChangeRequest]:  # fmt: skip
    """The next version with its audit entry."""
    why = entry_of(work, operation, **detail)
    return await request_store.write(change, found, fields, why, state, subject)
