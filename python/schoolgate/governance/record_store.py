"""Records of governance in control.db: one table, a kind each with its own typed fields.

A kind is a pydantic model with a `KIND`. Each change of a record is one entry of the audit log in the same
transaction, and raises the version: who changes an older version is refused. Records are never deleted here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.audit.event import Event
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.storage.audit_log import append
from schoolgate.storage.errors import StoreDamaged
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import governance_attachment, governance_record
from schoolgate.storage.store import Change

# A record is a form that a person filled in, with its steps. A longer one is refused, not cut.
MOST_FIELD_OCTETS = 256 * 1024
MOST_ATTACHMENT_OCTETS = 8 * 1024 * 1024
MOST_ATTACHMENTS = 20
# Of one actor: more is a script, and fills the disk on which the audit log lies.
MOST_OCTETS_A_DAY = 64 * 1024 * 1024
DAY_US = 86_400 * 1_000_000
PAGE = 100


class Fields(BaseModel):
    """The fields of one kind. Unknown ones are refused when a person writes them, and ignored when an older program
    reads a newer record."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    KIND: ClassVar[str]


F = TypeVar("F", bound=Fields)


@dataclass(frozen=True)
class Record(Generic[F]):
    """One record. `number` counts from 1 within its kind; times in microseconds since 1970; `created_by` and
    `changed_by` are actors, such as `account:UUID` or `uid:0`; `due_us`: when somebody has to act again."""

    id: UUID
    number: int
    version: int
    state: str
    subject: str
    due_us: int | None
    created_us: int
    created_by: str
    changed_us: int
    changed_by: str
    audit_epoch: int
    audit_number: int
    fields: F


@dataclass(frozen=True)
class Written:
    """What the audit log says of a change: the operation, who, when, and what of it may stay for ever."""

    operation: str
    actor: str
    at_us: int
    detail: Mapping[str, Any]
    personal: Mapping[str, str]


@dataclass(frozen=True)
class Attached:
    """A file of a record, without its octets."""

    id: UUID
    name: str
    media_type: str
    sha256: str
    size_octets: int
    added_us: int
    added_by: str


def written(
    operation: str, actor: str, at_us: int, personal: Mapping[str, str] | None = None, **detail: Any
) -> Written:
    """How the audit log names a change. `detail` takes no name of a person; `personal` can be erased."""
    return Written(operation, actor, at_us, detail, personal or {})


async def add(
    change: Change, fields: F, why: Written, *, state: str, subject: str = "", due_us: int | None = None
) -> Record[F]:
    """Keeps a new record and its audit entry. Raises `RecordRefused`."""
    rows = governance_record.c
    last = select(func.max(rows.number)).where(rows.site_id == change.site_id, rows.kind == fields.KIND)
    # The head of the audit log is locked, so no two writers count at once.
    number = ((await change.connection.execute(last)).scalar() or 0) + 1
    text = _text(fields)
    epoch, entry = await _append(change, why, fields.KIND, number, state, text)
    made = Record(
        id=uuid7(why.at_us), number=number, version=1, state=state, subject=subject, due_us=due_us,
        created_us=why.at_us, created_by=why.actor, changed_us=why.at_us, changed_by=why.actor,
        audit_epoch=epoch, audit_number=entry, fields=fields,
    )  # fmt: skip
    values = {name: getattr(made, name) for name in _COLUMNS} | {"site_id": change.site_id, "kind": fields.KIND}
    await change.connection.execute(governance_record.insert().values(**values, fields=text))
    return made


async def update(
    change: Change,
    found: Record[Any],
    fields: F,
    why: Written,
    *,
    state: str | None = None,
    subject: str | None = None,
    due_us: int | None = None,
) -> Record[F]:
    """Writes the next version of a record and its audit entry. `due_us` is set as given: None where nobody has to act.

    Raises `RecordChanged` where `found` is no longer the newest version, and `RecordRefused`.
    """
    rows = governance_record.c
    text = _text(fields)
    new_state, new_subject = state or found.state, found.subject if subject is None else subject
    epoch, entry = await _append(change, why, fields.KIND, found.number, new_state, text)
    made = Record(
        id=found.id, number=found.number, version=found.version + 1, state=new_state, subject=new_subject,
        due_us=due_us, created_us=found.created_us, created_by=found.created_by, changed_us=why.at_us,
        changed_by=why.actor, audit_epoch=epoch, audit_number=entry, fields=fields,
    )  # fmt: skip
    values = {name: getattr(made, name) for name in _COLUMNS if name != "id"} | {"fields": text}
    done = await change.connection.execute(
        governance_record.update()
        .where(rows.id == found.id, rows.site_id == change.site_id, rows.version == found.version)
        .values(**values)
    )
    if done.rowcount != 1:
        raise RecordChanged(f"{fields.KIND} {found.number} was changed in the meantime; read it again")
    return made


async def get(connection: AsyncConnection, site_id: UUID, model: type[F], number: int) -> Record[F]:
    """The record of this number. Raises `NoSuchRecord`."""
    rows = governance_record.c
    found = await connection.execute(
        select(governance_record).where(rows.site_id == site_id, rows.kind == model.KIND, rows.number == number)
    )
    if (row := found.one_or_none()) is None:
        raise no_such(model, number)
    return _record(row, model)


def no_such(model: type[Fields], number: int) -> NoSuchRecord:
    """The refusal of a number that no record has, and of a record that the caller may not know of: the same words, or
    they would say that there is one, and of what kind it is."""
    return NoSuchRecord(f"there is no {model.KIND} {number}")


async def listed(
    connection: AsyncConnection,
    site_id: UUID,
    model: type[F],
    *,
    states: Collection[str] = (),
    subject: str | None = None,
    due_before_us: int | None = None,
    before: int | None = None,
    most: int = PAGE,
) -> list[Record[F]]:
    """Records of a kind, newest first; `before` gives those with a smaller number, for the next page."""
    wanted = _wanted(site_id, model, states, subject, due_before_us, before, most)
    return [_record(row, model) for row in await connection.execute(wanted)]


async def listed_apart(
    connection: AsyncConnection,
    site_id: UUID,
    model: type[F],
    *,
    states: Collection[str] = (),
    before: int | None = None,
    most: int = PAGE,
) -> list[tuple[int, Record[F] | StoreDamaged]]:
    """As `listed`, by number: in the place of a record that cannot be read stands why."""
    wanted = _wanted(site_id, model, states, None, None, before, most)
    return [(row.number, _record_or_damage(row, model)) for row in await connection.execute(wanted)]


async def count(
    connection: AsyncConnection,
    site_id: UUID,
    model: type[Fields],
    *,
    states: Collection[str] = (),
    due_before_us: int | None = None,
) -> int:
    """How many records of a kind there are."""
    rows = governance_record.c
    wanted = select(func.count()).where(rows.site_id == site_id, rows.kind == model.KIND)
    if states:
        wanted = wanted.where(rows.state.in_(sorted(states)))
    if due_before_us is not None:
        wanted = wanted.where(rows.due_us < due_before_us)
    return int((await connection.execute(wanted)).scalar_one())


async def refuse_more_than(
    connection: AsyncConnection, site_id: UUID, model: type[Fields], actor: str, since_us: int, most: int
) -> None:
    """Raises `RecordRefused` where an actor made as many records of a kind since a time."""
    rows = governance_record.c
    mine = (rows.site_id == site_id, rows.kind == model.KIND, rows.created_by == actor, rows.created_us > since_us)
    if (await connection.execute(select(func.count()).where(*mine))).scalar_one() >= most:
        raise RecordRefused(f"{most} records of one person in 24 hours are the most; go on tomorrow")


async def attach(
    change: Change, found: Record[Any], name: str, media_type: str, octets: bytes, why: Written
) -> Attached:
    """Keeps a file with a record; the audit entry holds its digest. Raises `RecordRefused`."""
    if len(octets) > MOST_ATTACHMENT_OCTETS:
        raise RecordRefused(f"{name}: a file may have {MOST_ATTACHMENT_OCTETS // 2**20} MiB")
    rows = governance_attachment.c
    held = await change.connection.execute(select(func.count()).where(rows.record_id == found.id))
    if held.scalar_one() >= MOST_ATTACHMENTS:
        raise RecordRefused(f"a record may have {MOST_ATTACHMENTS} files")
    mine = (rows.site_id == change.site_id, rows.added_by == why.actor, rows.added_us > why.at_us - DAY_US)
    added = select(func.coalesce(func.sum(func.length(rows.octets)), 0)).where(*mine)
    if (await change.connection.execute(added)).scalar_one() + len(octets) > MOST_OCTETS_A_DAY:
        raise RecordRefused(f"{MOST_OCTETS_A_DAY // 2**20} MiB of files of one person in 24 hours are the most")
    digest = hashlib.sha256(octets)
    detail = {**why.detail, "number": found.number, "sha256": digest.hexdigest()}
    await append(change, Event(why.at_us, why.actor, why.operation, detail=detail, personal=why.personal))
    made = Attached(
        uuid7(why.at_us), name, media_type, digest.hexdigest(), len(octets), added_us=why.at_us, added_by=why.actor
    )
    await change.connection.execute(
        governance_attachment.insert().values(
            id=made.id,
            site_id=change.site_id,
            record_id=found.id,
            name=name,
            media_type=media_type,
            sha256=digest.digest(),
            octets=octets,
            added_us=why.at_us,
            added_by=why.actor,
        )
    )
    return made


async def attachments(connection: AsyncConnection, found: Record[Any]) -> list[Attached]:
    """The files of a record, oldest first."""
    rows = governance_attachment.c
    wanted = [rows.id, rows.name, rows.media_type, rows.sha256, rows.added_us, rows.added_by]
    result = await connection.execute(
        select(*wanted, func.length(rows.octets).label("size")).where(rows.record_id == found.id).order_by(rows.id)
    )
    return [
        Attached(one.id, one.name, one.media_type, one.sha256.hex(), one.size, one.added_us, one.added_by)
        for one in result
    ]


async def attachment_octets(connection: AsyncConnection, site_id: UUID, model: type[Fields], attachment: UUID) -> bytes:
    """A file of a record of this kind, as it was given: who may read files of one kind reads none of another.

    Raises `NoSuchRecord`, and `StoreDamaged` where its digest is another.
    """
    rows, of = governance_attachment.c, governance_record.c
    wanted = select(rows.octets, rows.sha256).where(
        rows.id == attachment, rows.site_id == site_id, rows.record_id == of.id, of.kind == model.KIND
    )
    if (row := (await connection.execute(wanted)).one_or_none()) is None:
        raise NoSuchRecord("there is no such file")
    if hashlib.sha256(row.octets).digest() != row.sha256:
        raise StoreDamaged("an attached file is not the one that was given; restore the backup")
    return bytes(row.octets)


_COLUMNS = (
    "id", "number", "version", "state", "subject", "due_us", "created_us", "created_by", "changed_us", "changed_by",
    "audit_epoch", "audit_number",
)  # fmt: skip


def _text(fields: Fields) -> str:
    text = orjson.dumps(fields.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    if len(text) > MOST_FIELD_OCTETS:
        raise RecordRefused(f"a {fields.KIND} may have {MOST_FIELD_OCTETS // 1024} KiB of text; this one has more")
    return text.decode()


async def _append(change: Change, why: Written, kind: str, number: int, state: str, text: str) -> tuple[int, int]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    detail = {**why.detail, "kind": kind, "number": number, "state": state, "sha256": digest}
    done = await append(change, Event(why.at_us, why.actor, why.operation, detail=detail, personal=why.personal))
    return done.epoch, done.number


def _wanted(
    site_id: UUID, model: type[Fields], states: Collection[str], subject: str | None, due_before_us: int | None,
    before: int | None, most: int,
) -> Select[Any]:  # fmt: skip
    rows = governance_record.c
    wanted = select(governance_record).where(rows.site_id == site_id, rows.kind == model.KIND)
    if states:
        wanted = wanted.where(rows.state.in_(sorted(states)))
    if subject is not None:
        wanted = wanted.where(rows.subject == subject)
    if due_before_us is not None:
        wanted = wanted.where(rows.due_us < due_before_us)
    if before is not None:
        wanted = wanted.where(rows.number < before)
    return wanted.order_by(rows.number.desc()).limit(most)


def _record_or_damage(row: Row[Any], model: type[F]) -> Record[F] | StoreDamaged:
    try:
        return _record(row, model)
    except StoreDamaged as error:
        return error


def _record(row: Row[Any], model: type[F]) -> Record[F]:
    try:
        held = orjson.loads(row.fields)
        # A later program may have added fields that this one does not know.
        fields = model.model_validate({name: held[name] for name in model.model_fields if name in held})
    except (ValidationError, orjson.JSONDecodeError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise StoreDamaged(f"{model.KIND} {row.number} cannot be read: {why}") from error
    return Record(**{name: getattr(row, name) for name in _COLUMNS}, fields=fields)
