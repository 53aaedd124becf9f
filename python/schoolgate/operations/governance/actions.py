"""Actions with an owner and a day, and one calendar of everything that is due."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from schoolgate.accounts.roles import Role
from schoolgate.governance import record_store as records
from schoolgate.governance.action_record import ACTION_FORM, DONE, OPEN, Action, Origin
from schoolgate.governance.cases import Case
from schoolgate.governance.due_calendar import DueRecord, dues_before
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.plain_form import DAY_US, FormField, Line, LongText, due_at_end_of, read_form
from schoolgate.governance.record_store import Record
from schoolgate.governance.tickets import Ticket
from schoolgate.operations import rights
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.registry import Bulk, Personal, looks
from schoolgate.operations.registry import records as recorded
from schoolgate.operations.work import Work
from schoolgate.policy.calendar_file import read_calendar

# Actions that are looked through for those of one record.
MOST_LOOKED_THROUGH = 2_000
# Kinds of which others do not even know that there is one.
_FOR_SAFEGUARDING = frozenset({Case.KIND, Ticket.KIND})
_SAFEGUARDING = frozenset({Role.safeguarding_lead, Role.head, Role.trust_director})
Days = Annotated[int, Field(ge=0, le=3660)]


class ActionDone(RecordRefused):
    """The action was done already."""


@dataclass(frozen=True)
class ActionShown:
    """`owner`: "" where identities are not shown. `due_us`: None once it is done."""

    number: int
    version: int
    state: str
    what: str
    owner: str
    due_on: dt.date | None
    origin: str
    origin_number: int | None
    note: str
    done_on: dt.date | None
    done_note: str
    is_overdue: bool


@dataclass(frozen=True)
class ActionPage:
    """`form`: the fields of a new one."""

    actions: tuple[ActionShown, ...]
    form: tuple[FormField, ...]


@dataclass(frozen=True)
class DueShown:
    """Something to act on, of any kind. `due_on`: the last day that is not late; `day_words`: what the school's
    calendar calls it where it has no pupils."""

    kind: str
    number: int
    state: str
    words: str
    due_on: dt.date
    is_overdue: bool
    day_words: str


@dataclass(frozen=True)
class DueCalendar:
    """The longest overdue first."""

    dues: tuple[DueShown, ...]


@looks("action.list")
async def list_actions(
    work: Work, is_all: bool = False, origin: Origin | None = None, origin_number: Number | None = None,
    before: Number | None = None,
) -> ActionPage:  # fmt: skip
    """Open actions, or all, newest first, a hundred at a time. `origin`: of what they come from."""
    store = await work.store()
    states = () if is_all else (OPEN,)
    # Those of one record are few among all.
    most = records.PAGE if origin is None else MOST_LOOKED_THROUGH
    async with store.reading() as connection:
        found = await records.listed(connection, store.site_id, Action, states=states, before=before, most=most)
    if origin is not None:
        wanted = (origin, origin_number)
        found = [one for one in found if (one.fields.origin, one.fields.origin_number) == wanted]
    return ActionPage(tuple(_shown(work, one) for one in found), ACTION_FORM)


@recorded("action.add")
async def add(
    work: Work, what: Annotated[Line, Personal], owner: Annotated[Line, Personal], due_on: dt.date | None = None,
    origin: Origin = "other", origin_number: Number | None = None, note: Annotated[LongText, Personal] = "",
) -> ActionShown:  # fmt: skip
    """Keeps an action. Raises `FieldsRefused`."""
    given = {
        "what": what, "owner": owner, "due_on": due_on, "origin": origin, "origin_number": origin_number, "note": note,
    }  # fmt: skip
    fields = read_form(Action, ACTION_FORM, given)
    async with (await work.store()).change() as change:
        made = await records.add(
            change, fields, entry_of(work, "action.add", origin=origin), state=OPEN, subject=fields.what,
            due_us=due_at_end_of(fields.due_on),
        )  # fmt: skip
    return _shown(work, made)


@recorded("action.change")
async def change_action(
    work: Work, number: Number, version: Number, owner: Annotated[Line | None, Personal] = None,
    due_on: dt.date | None = None, note: Annotated[LongText | None, Personal] = None,
) -> ActionShown:  # fmt: skip
    """Gives an open action another owner, day or note. Raises `ActionDone`, `RecordChanged`."""
    new = {"owner": owner, "due_on": due_on, "note": note}
    async with (await work.store()).change() as change:
        found = _open(await records.get(change.connection, change.site_id, Action, number), version)
        fields = found.fields.model_copy(update={name: value for name, value in new.items() if value})
        made = await records.update(
            change, found, fields, entry_of(work, "action.change"), due_us=due_at_end_of(fields.due_on)
        )
    return _shown(work, made)


@recorded("action.done")
async def done(work: Work, number: Number, version: Number, note: Annotated[LongText, Bulk] = "") -> ActionShown:
    """Says that an action is done, and how. Raises `ActionDone`, `RecordChanged`."""
    async with (await work.store()).change() as change:
        found = _open(await records.get(change.connection, change.site_id, Action, number), version)
        fields = found.fields.model_copy(update={"done_on": work.now.date(), "done_note": note})
        made = await records.update(change, found, fields, entry_of(work, "action.done"), state=DONE)
    return _shown(work, made)


@looks("action.calendar")
async def calendar(work: Work, days: Days = 60) -> DueCalendar:
    """What is overdue, and what is due in the next days, of every kind of record that the caller may know of."""
    hidden = frozenset() if work.actor.roles & _SAFEGUARDING else _FOR_SAFEGUARDING
    store = await work.store()
    async with store.reading() as connection:
        found = await dues_before(connection, store.site_id, work.now_us + (days + 1) * DAY_US)
    calendar, _ = await asyncio.to_thread(read_calendar, work.settings.server.state_dir)

    def shown(one: DueRecord) -> DueShown:
        day = day_of(one.due_us)
        words = calendar.words_of(day) or "a weekend" if calendar.is_closed(day) else ""
        return DueShown(one.kind, one.number, one.state, one.words, day, one.due_us <= work.now_us, words)

    return DueCalendar(tuple(shown(one) for one in found if one.kind not in hidden))


async def count_actions(work: Work) -> dict[str, int]:
    """How many are open, done and overdue."""
    store = await work.store()
    async with store.reading() as connection:

        async def count(state: str, before_us: int | None = None) -> int:
            return await records.count(connection, store.site_id, Action, states=(state,), due_before_us=before_us)

        return {"open": await count(OPEN), "done": await count(DONE), "overdue": await count(OPEN, work.now_us + 1)}


def day_of(due_us: int) -> dt.date:
    """The last day on which a record that is due then is not late (UTC)."""
    return dt.datetime.fromtimestamp((due_us - 1) // 1_000_000, dt.UTC).date()


def _open(found: Record[Action], version: Number) -> Record[Action]:
    if found.state == DONE:
        raise ActionDone(f"action {found.number} was done on {found.fields.done_on}")
    if found.version != version:
        raise RecordChanged(f"action {found.number} was changed in the meantime; read it again")
    return found


def _shown(work: Work, found: Record[Action]) -> ActionShown:
    values: dict[str, Any] = {
        name: getattr(found.fields, name)
        for name in ("what", "owner", "due_on", "origin", "origin_number", "note", "done_on", "done_note")
    }
    if not rights.sees_identities(work.actor.roles, "action.list"):
        values["owner"] = ""
    is_overdue = found.due_us is not None and found.due_us <= work.now_us
    return ActionShown(found.number, found.version, found.state, **values, is_overdue=is_overdue)
