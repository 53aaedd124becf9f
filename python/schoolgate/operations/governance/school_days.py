"""The school's calendar: shown, written by hand, imported; published for processes that do not open the store."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from schoolgate.governance.calendar_entry import (
    CURRENT,
    MOST_ENTRIES,
    REMOVED,
    CalendarEntry,
    EntryKind,
    refuse_wrong_days,
)
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.record_store import Record
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.registry import Bulk, looks, records
from schoolgate.operations.work import Work
from schoolgate.policy.calendar_file import read_calendar, write_calendar
from schoolgate.policy.school_calendar import SchoolCalendar, SchoolDays, calendar_of
from schoolgate.policy.school_zone import school_zone

if TYPE_CHECKING:
    from schoolgate.governance.calendar_import import ImportedCalendar, ImportedDays
    from schoolgate.storage.store import Change, Store

Title = Annotated[str, Field(max_length=300)]
# More than the bound of a file, so that the refusal is the one that says what to do.
CalendarText = Annotated[str, Field(max_length=4 * 1024 * 1024), Bulk]
MONTHS_SHOWN_BACK = dt.timedelta(days=60)


@dataclass(frozen=True)
class EntryShown:
    """A stretch of days, both included. `is_imported`: of a file; `is_past`: it is over."""

    number: int
    version: int
    kind: EntryKind
    title: str
    first: dt.date
    last: dt.date
    is_imported: bool
    is_past: bool


@dataclass(frozen=True)
class CalendarShown:
    """Entries in the order of their days. `is_closed`: no pupils are at school today; `today_words`: what the calendar
    calls today. `next_holiday` begins after today. `problem`: what other processes cannot read of it."""

    entries: tuple[EntryShown, ...]
    today: dt.date
    today_words: str
    is_closed: bool
    next_holiday: EntryShown | None
    problem: str | None


@dataclass(frozen=True)
class PlannedEntry:
    """What an import would do with one event. `before`: its days as they are now, where they would change."""

    step: str
    kind: EntryKind
    title: str
    first: dt.date
    last: dt.date
    before: str = ""


@dataclass(frozen=True)
class EventLeftOut:
    """An event that is not taken, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class ImportPlan:
    """`entries`: what is added, changed or removed; `same` are there already. `left_out`: the first hundred of
    `left_out_count`. `is_taken`: it was done."""

    entries: tuple[PlannedEntry, ...]
    same: int
    left_out: tuple[EventLeftOut, ...]
    left_out_count: int
    is_taken: bool


@looks("calendar.show")
async def show(work: Work, is_all: bool = False) -> CalendarShown:
    """The school's calendar, of the last two months on; `is_all`: from its beginning."""
    today = today_of(work)
    store = await work.store()
    found = await _current(store)
    calendar = _calendar(one.fields for one in found)
    since = dt.date.min if is_all else today - MONTHS_SHOWN_BACK
    entries = [_shown(one, today) for one in found if one.fields.last >= since]
    _, problem = await asyncio.to_thread(read_calendar, work.settings.server.state_dir)
    coming = (one for one in entries if one.kind == "holiday" and one.first > today)
    return CalendarShown(
        tuple(entries), today, calendar.words_of(today), calendar.is_closed(today), next(coming, None), problem
    )


@records("calendar.set")
async def set_entry(
    work: Work, kind: EntryKind, title: Title, first: dt.date, last: dt.date | None = None,
    number: Number | None = None, version: Number | None = None, request: Number | None = None,
) -> EntryShown:  # fmt: skip
    """Adds a term, a holiday, an inset day or days of exams; with a `number` it changes that entry.

    `last`: the same day where it is left out. `request`: the approved one that it is for. Raises `RecordRefused`,
    `RecordChanged`, `NoSuchRecord`, `NotPermitted`.
    """
    from schoolgate.governance import record_store

    if not title.strip():
        raise RecordRefused("give it a title, such as: autumn half term")
    last = last or first
    refuse_wrong_days(first, last)
    fields = CalendarEntry(kind=kind, title=title, first=first, last=last)
    store = await work.store()
    await _refuse_opening(work, store, "calendar.set", without={number}, more=[fields])
    async with store.change() as change:
        if number is None:
            await _refuse_too_many(change, 1)
            made = await record_store.add(change, fields, entry_of(work, "calendar.set"), state=CURRENT)
        else:
            found = await _open_entry(change, number, version)
            fields = fields.model_copy(update={"uid": found.fields.uid})
            made = await record_store.update(change, found, fields, entry_of(work, "calendar.set"))
    await publish(store, work.settings.server.state_dir)
    return _shown(made, today_of(work))


@records("calendar.remove")
async def remove(
    work: Work, number: Number, version: Number | None = None, request: Number | None = None
) -> EntryShown:
    """Takes an entry out; it stays on record, and an import does not bring it back.

    `request`: the approved one that it is for. Raises `NoSuchRecord`, `NotPermitted`.
    """
    from schoolgate.governance import record_store

    store = await work.store()
    await _refuse_opening(work, store, "calendar.remove", without={number})
    async with store.change() as change:
        found = await _open_entry(change, number, version)
        made = await record_store.update(change, found, found.fields, entry_of(work, "calendar.remove"), state=REMOVED)
    await publish(store, work.settings.server.state_dir)
    return _shown(made, today_of(work))


@looks("calendar.preview")
async def preview(work: Work, text: CalendarText, otherwise: EntryKind | None = None) -> ImportPlan:
    """What an import of an iCalendar file would add, change and leave out.

    `otherwise`: the kind of events whose words say none. Raises `RecordRefused`.
    """
    found = await _read(work, text, otherwise)
    store = await work.store()
    return _planned(found, await _current(store), await _removed(store)).shown(is_taken=False)


@records("calendar.import")
async def take(
    work: Work, text: CalendarText, otherwise: EntryKind | None = None, request: Number | None = None
) -> ImportPlan:
    """Takes an iCalendar file. The same file again changes nothing. What was written or removed here stays so.

    `request`: the approved one that it is for. Raises `RecordRefused` for a file that is none, or too large, and
    `NotPermitted`.
    """
    from schoolgate.governance import record_store

    found = await _read(work, text, otherwise)
    store = await work.store()
    plan = _planned(found, await _current(store), await _removed(store))
    if plan.is_nothing:
        return plan.shown(is_taken=True)
    gone = {held.number for held in (*(one for one, _ in plan.changed), *plan.cancelled)}
    coming = [_fields(one) for one in (*plan.added, *(one for _, one in plan.changed))]
    await _refuse_opening(work, store, "calendar.import", without=gone, more=coming)
    why = entry_of(work, "calendar.import")
    async with store.change() as change:
        # Anew, now that no one else writes.
        plan = _planned(found, await _current(store), await _removed(store))
        await _refuse_too_many(change, len(plan.added))
        for one in plan.added:
            await record_store.add(change, _fields(one), why, state=CURRENT)
        for held, one in plan.changed:
            await record_store.update(change, held, _fields(one), why)
        for held in plan.cancelled:
            await record_store.update(change, held, held.fields, why, state=REMOVED)
        if plan.is_nothing:
            raise RecordChanged("another person took the same file in the meantime; look at the calendar")
    await publish(store, work.settings.server.state_dir)
    return plan.shown(is_taken=True)


async def publish(store: Store, state_dir: Path) -> bool:
    """Writes the calendar for other processes, where it changed; whether it did. Raises `OSError`, a `StoreProblem`."""
    found = await _current(store)
    return await asyncio.to_thread(write_calendar, state_dir, _calendar(one.fields for one in found))


def today_of(work: Work) -> dt.date:
    """The day on the school's wall."""
    return work.now.astimezone(school_zone(work.settings) or ZoneInfo("UTC")).date()


@dataclass(frozen=True)
class _Plan:
    added: tuple[ImportedDays, ...]
    changed: tuple[tuple[Record[CalendarEntry], ImportedDays], ...]
    cancelled: tuple[Record[CalendarEntry], ...]
    same: int
    left_out: tuple[EventLeftOut, ...]
    left_out_count: int

    @property
    def is_nothing(self) -> bool:
        return not (self.added or self.changed or self.cancelled)

    def shown(self, *, is_taken: bool) -> ImportPlan:
        entries = [PlannedEntry("added", one.kind, one.title, one.first, one.last) for one in self.added]
        entries += [
            PlannedEntry("changed", one.kind, one.title, one.first, one.last, _days(held.fields))
            for held, one in self.changed
        ]
        entries += [
            PlannedEntry("removed", one.fields.kind, one.fields.title, one.fields.first, one.fields.last)
            for one in self.cancelled
        ]
        entries.sort(key=lambda one: (one.first, one.last, one.title))
        return ImportPlan(tuple(entries), self.same, self.left_out, self.left_out_count, is_taken)


def _planned(found: ImportedCalendar, current: Sequence[Record[CalendarEntry]], removed: Iterable[str]) -> _Plan:
    held = {one.fields.uid: one for one in current if one.fields.uid}
    gone = set(removed) - held.keys()
    added, changed, same = [], [], 0
    left_out = [EventLeftOut(one.title, one.reason) for one in found.left_out]
    for one in found.days:
        here = held.get(one.uid)
        if here is None and one.uid in gone:
            left_out.append(EventLeftOut(one.title, "it was removed here"))
        elif here is None:
            added.append(one)
        elif here.fields == _fields(one):
            same += 1
        elif here.fields.is_own:
            left_out.append(EventLeftOut(one.title, "it was changed here by hand"))
        else:
            changed.append((here, one))
    cancelled = tuple(held[uid] for uid in found.cancelled if uid in held)
    count = found.left_out_count + len(left_out) - len(found.left_out)
    return _Plan(tuple(added), tuple(changed), cancelled, same, tuple(left_out[:200]), count)


async def _read(work: Work, text: str, otherwise: EntryKind | None) -> ImportedCalendar:
    from schoolgate.governance.calendar_import import read_icalendar

    zone = school_zone(work.settings) or ZoneInfo("UTC")
    return await asyncio.to_thread(read_icalendar, text, work.now.astimezone(zone).date(), zone, otherwise)


async def _current(store: Store) -> list[Record[CalendarEntry]]:
    """In the order of their days."""
    from schoolgate.governance import record_store

    async with store.reading() as connection:
        found = await record_store.listed(
            connection, store.site_id, CalendarEntry, states=(CURRENT,), most=MOST_ENTRIES
        )
    return sorted(found, key=lambda one: (one.fields.first, one.fields.last, one.number))


async def _removed(store: Store) -> set[str]:
    from schoolgate.governance import record_store

    async with store.reading() as connection:
        found = await record_store.listed(
            connection, store.site_id, CalendarEntry, states=(REMOVED,), most=2 * MOST_ENTRIES
        )
    return {one.fields.uid for one in found if one.fields.uid}


async def _refuse_opening(
    work: Work, store: Store, operation: str, *, without: set[int] | set[int | None], more: Sequence[CalendarEntry] = ()
) -> None:
    """Raises `NotPermitted` where a caller who asks first for openings would open sites by these days."""
    if operation not in work.asks_first:
        return
    from schoolgate.operations.policies.policy_openings import refuse_other_days

    kept = [one.fields for one in await _current(store) if one.number not in without]
    await asyncio.to_thread(refuse_other_days, work, _calendar([*kept, *more]), operation)


async def _refuse_too_many(change: Change, more: int) -> None:
    """Raises `RecordRefused`."""
    from schoolgate.governance import record_store

    held = await record_store.count(change.connection, change.site_id, CalendarEntry, states=(CURRENT,))
    if held + more > MOST_ENTRIES:
        raise RecordRefused(
            f"a calendar holds {MOST_ENTRIES} entries, and this would be {held + more}; remove old ones"
        )


async def _open_entry(change: Change, number: int, version: int | None) -> Record[CalendarEntry]:
    from schoolgate.governance import record_store

    found = await record_store.get(change.connection, change.site_id, CalendarEntry, number)
    if version not in (None, found.version):
        raise RecordChanged(f"entry {number} of the calendar was changed in the meantime; read it again")
    if found.state == REMOVED:
        raise RecordRefused(f"entry {number} of the calendar was removed; add it anew")
    return found


def _fields(one: ImportedDays) -> CalendarEntry:
    return CalendarEntry(kind=one.kind, title=one.title, first=one.first, last=one.last, uid=one.uid, is_own=False)


def _calendar(entries: Iterable[CalendarEntry]) -> SchoolCalendar:
    return calendar_of(SchoolDays(one.first, one.last, one.kind, one.title) for one in entries)


def _days(one: CalendarEntry) -> str:
    return f"{one.first}" if one.first == one.last else f"{one.first} to {one.last}"


def _shown(one: Record[CalendarEntry], today: dt.date) -> EntryShown:
    fields = one.fields
    return EntryShown(
        one.number, one.version, fields.kind, fields.title, fields.first, fields.last, not fields.is_own,
        fields.last < today,
    )  # fmt: skip
