"""Registers by kind: forms, lines, an export as CSV; what takes the place of an earlier line ends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from schoolgate.governance import record_store
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.plain_form import FormField, due_at_end_of, read_form, without_persons
from schoolgate.governance.record_store import Fields, Record
from schoolgate.governance.registers import CURRENT, ENDED, REGISTERS, Register, Responsibility, unfilled_posts
from schoolgate.governance.review import Review
from schoolgate.governance.review_steps import SIGNED
from schoolgate.operations import rights
from schoolgate.operations.governance.decision_rows import count_undecided
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.registry import Personal, looks, records
from schoolgate.operations.staff_names import StaffNames, staff_names
from schoolgate.operations.work import Work
from schoolgate.querylog.spreadsheet import csv_text
from schoolgate.storage.store import Change

Kind = Literal["responsibility", "training", "aup_notice", "supplier", "risk", "decision", "meeting"]
FormFields = Annotated[dict[str, Any], Personal]
# Lines of an export, and those that are looked through for one that is replaced.
MOST_LINES = 10_000


class LineEnded(RecordRefused):
    """The line has ended: it stays as it is."""


@dataclass(frozen=True)
class RegisterShown:
    """A kind: its form, and how many lines are current and overdue."""

    kind: str
    title: str
    form: tuple[FormField, ...]
    current: int
    overdue: int


@dataclass(frozen=True)
class RegisterLine:
    """One line. `fields` by name; names of persons are left out for who sees no identities. `subject`: in a word."""

    number: int
    version: int
    state: str
    subject: str
    due_us: int | None
    is_overdue: bool
    changed_us: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class RegisterPage:
    """Lines, newest first. `warnings`: what the register has to have and has not."""

    kind: str
    title: str
    form: tuple[FormField, ...]
    lines: tuple[RegisterLine, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gaps:
    """What a school has to have and has not: posts that no one holds, decisions that no one looks at again."""

    unfilled_posts: tuple[str, ...]
    undecided: int
    has_review: bool


@looks("register.kinds")
async def list_kinds(work: Work) -> tuple[RegisterShown, ...]:
    """The registers, with their forms and counts."""
    store = await work.store()
    found = []
    async with store.reading() as connection:
        for one in REGISTERS.values():
            current = await record_store.count(connection, store.site_id, one.model, states=(CURRENT,))
            overdue = await record_store.count(
                connection, store.site_id, one.model, states=(CURRENT,), due_before_us=work.now_us + 1
            )
            found.append(RegisterShown(one.kind, one.title, one.form, current, overdue))
    return tuple(found)


@looks("register.list")
async def list_lines(work: Work, kind: Kind, is_all: bool = False, before: Number | None = None) -> RegisterPage:
    """Lines of a register that are current, or all, newest first, a hundred at a time."""
    register = REGISTERS[kind]
    store = await work.store()
    states = () if is_all else (CURRENT,)
    async with store.reading() as connection:
        found = await record_store.listed(connection, store.site_id, register.model, states=states, before=before)
    unfilled = await _unfilled(work) if kind == Responsibility.KIND else ()
    warnings = tuple(f"No one is named as: {one}" for one in unfilled)
    return RegisterPage(kind, register.title, register.form, await _lines(work, register, found), warnings)


@looks("register.show")
async def show_line(work: Work, kind: Kind, number: Number) -> RegisterPage:
    """One line with its form. Raises `NoSuchRecord`."""
    register, store = REGISTERS[kind], await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, register.model, number)
    return RegisterPage(kind, register.title, register.form, await _lines(work, register, (found,)))


@records("register.add")
async def add_line(work: Work, kind: Kind, fields: FormFields) -> RegisterLine:
    """Adds a line; one that it takes the place of ends. Raises `FieldsRefused`."""
    register = REGISTERS[kind]
    read = read_form(register.model, register.form, fields)
    async with (await work.store()).change() as change:
        made = await keep_line(work, change, register, read, "register.add")
    return await _one_line(work, register, made)


@records("register.change")
async def change_line(work: Work, kind: Kind, number: Number, version: Number, fields: FormFields) -> RegisterLine:
    """Writes a line anew. Raises `FieldsRefused`, `RecordChanged`, `LineEnded`."""
    register = REGISTERS[kind]
    read = read_form(register.model, register.form, fields)
    async with (await work.store()).change() as change:
        found = await _current(change, register, number, version)
        due_us = due_at_end_of(register.due_on(read))
        why = entry_of(work, "register.change")
        made = await record_store.update(change, found, read, why, subject=register.subject(read), due_us=due_us)
    return await _one_line(work, register, made)


@records("register.end")
async def end_line(work: Work, kind: Kind, number: Number, version: Number) -> RegisterLine:
    """Ends a line: it stays on record and is due no more. Raises `RecordChanged`, `LineEnded`."""
    register = REGISTERS[kind]
    async with (await work.store()).change() as change:
        found = await _current(change, register, number, version)
        made = await record_store.update(change, found, found.fields, entry_of(work, "register.end"), state=ENDED)
    return await _one_line(work, register, made)


@looks("register.export")
async def export_lines(work: Work, kind: Kind) -> str:
    """Every line of a register as CSV (RFC 4180); no cell is a formula."""
    register, store = REGISTERS[kind], await work.store()
    async with store.reading() as connection:
        found = await record_store.listed(connection, store.site_id, register.model, most=MOST_LINES)
    lines = await _lines(work, register, reversed(found))
    names = [one.name for one in register.form]
    cells = ([one.number, one.state, *(one.fields[name] for name in names)] for one in lines)
    return csv_text([["number", "state", *names], *cells])


@looks("register.gaps")
async def find_gaps(work: Work) -> Gaps:
    """Posts that are not filled, decisions without a review date, and whether a review was ever signed."""
    store = await work.store()
    async with store.reading() as connection:
        reviews = await record_store.count(connection, store.site_id, Review, states=(SIGNED,))
    return Gaps(await _unfilled(work), await count_undecided(work), reviews > 0)


async def keep_line(work: Work, change: Change, register: Register, fields: Fields, operation: str) -> Record[Any]:
    """Adds a line in a transaction, and ends those whose place it takes."""
    why = entry_of(work, operation)
    subject = register.subject(fields)
    if register.same:
        held = await record_store.listed(
            change.connection, change.site_id, register.model, states=(CURRENT,), subject=subject, most=MOST_LINES
        )
        for one in held:
            if all(getattr(one.fields, name) == getattr(fields, name) for name in register.same):
                await record_store.update(change, one, one.fields, why, state=ENDED)
    due_us = due_at_end_of(register.due_on(fields))
    return await record_store.add(change, fields, why, state=CURRENT, subject=subject, due_us=due_us)


async def _unfilled(work: Work) -> tuple[str, ...]:
    store = await work.store()
    async with store.reading() as connection:
        held = await record_store.listed(connection, store.site_id, Responsibility, states=(CURRENT,), most=MOST_LINES)
    return unfilled_posts([one.fields for one in held], work.now.date())


async def _current(change: Change, register: Register, number: Number, version: Number) -> Record[Any]:
    found = await record_store.get(change.connection, change.site_id, register.model, number)
    if found.state == ENDED:
        raise LineEnded(f"{register.kind.replace('_', ' ')} {number} has ended; add a new line")
    if found.version != version:
        raise RecordChanged(f"{register.kind.replace('_', ' ')} {number} was changed in the meantime; read it again")
    return found


async def _lines(work: Work, register: Register, found: Iterable[Record[Any]]) -> tuple[RegisterLine, ...]:
    """Lines as the caller may see them."""
    sees = rights.sees_identities(work.actor.roles, "register.list")
    names = None if sees or not any(one.is_post for one in register.form) else await staff_names(work)
    return tuple(_line(work, register, one, sees, names) for one in found)


async def _one_line(work: Work, register: Register, found: Record[Any]) -> RegisterLine:
    return (await _lines(work, register, (found,)))[0]


def _line(work: Work, register: Register, found: Record[Any], sees: bool, names: StaffNames | None) -> RegisterLine:
    fields = found.fields.model_dump(mode="json")
    if not sees:
        fields = without_persons(register.form, fields, names.post_of if names else lambda _: "")
    is_overdue = found.due_us is not None and found.due_us <= work.now_us
    return RegisterLine(
        found.number, found.version, found.state, found.subject, found.due_us, is_overdue, found.changed_us, fields
    )
