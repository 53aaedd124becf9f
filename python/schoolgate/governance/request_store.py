"""Change requests in the table of records: the same one again, earlier ones of a name, how many a person filed."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.governance import record_store
from schoolgate.governance.change_request import DAY_US, KIND, OPEN, ChangeRequest, State, due_of
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Record, Written
from schoolgate.storage.schema import governance_record
from schoolgate.storage.store import Change

# Of one account in 24 hours, suggestions and refused ones too: more is a script.
MOST_A_DAY = 30
# Of the installation: a queue that no person reads to its end.
MOST_OPEN = 2_000
MOST_EARLIER = 10


async def same(connection: AsyncConnection, site_id: UUID, subject: str) -> Record[ChangeRequest] | None:
    """The open request for the same names, networks and action."""
    found = await record_store.listed(connection, site_id, ChangeRequest, states=OPEN, subject=subject, most=1)
    return found[0] if found else None


async def earlier(
    connection: AsyncConnection, site_id: UUID, names: Collection[str], but: int
) -> list[Record[ChangeRequest]]:
    """Other requests that named one of the names, newest first."""
    rows = governance_record.c
    numbers: set[int] = set()
    for name in sorted(names):
        wanted = (
            select(rows.number)
            .where(rows.site_id == site_id, rows.kind == KIND, rows.number != but)
            .where(rows.subject.contains(f" {name} ", autoescape=True))
            .order_by(rows.number.desc())
            .limit(MOST_EARLIER)
        )
        numbers |= set((await connection.execute(wanted)).scalars())
    newest = sorted(numbers, reverse=True)[:MOST_EARLIER]
    return [await record_store.get(connection, site_id, ChangeRequest, one) for one in newest]


async def counts(connection: AsyncConnection, site_id: UUID) -> dict[str, int]:
    """How many are in each state."""
    rows = governance_record.c
    wanted = select(rows.state, func.count()).where(rows.site_id == site_id, rows.kind == KIND).group_by(rows.state)
    return {str(state): int(number) for state, number in await connection.execute(wanted)}


async def refuse_too_many(connection: AsyncConnection, site_id: UUID, actor: str, now_us: int) -> None:
    """Raises `RecordRefused` for an actor who filed as many as a day takes, or where too many are open."""
    rows = governance_record.c
    mine = (rows.site_id == site_id, rows.kind == KIND, rows.created_by == actor, rows.created_us > now_us - DAY_US)
    if (await connection.execute(select(func.count()).where(*mine))).scalar_one() >= MOST_A_DAY:
        raise RecordRefused(
            f"{MOST_A_DAY} requests of one person in 24 hours are the most; several names fit into one request"
        )
    if await record_store.count(connection, site_id, ChangeRequest, states=OPEN) >= MOST_OPEN:
        raise RecordRefused(f"{MOST_OPEN} requests are open; decide or withdraw some first")


async def write(
    change: Change, found: Record[ChangeRequest], fields: ChangeRequest, why: Written, state: State | None = None,
    subject: str | None = None,
) -> Record[ChangeRequest]:  # fmt: skip
    """The next version, which remembers the audit entry of this one. Raises `RecordChanged`."""
    now = state or State(found.state)
    kept = fields.changed(entries=(*fields.entries, (found.audit_epoch, found.audit_number)))
    return await record_store.update(
        change, found, kept, why, state=str(now), subject=subject, due_us=due_of(fields, now)
    )
