"""Reads the audit log from its database: entries, proofs, and the export that `audit.verify` takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.audit import own_entries
from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.event import Opening, commitment, parse_entry
from schoolgate.audit.export_lines import BLOCK_ENTRIES, FORMAT, hashes_line, own_line
from schoolgate.audit.merkle import (
    CompactRange,
    Range,
    consistency_ranges,
    inclusion_ranges,
    node_hash,
    perfect_subtrees,
)
from schoolgate.storage.schema import audit_checkpoint, audit_entry, audit_node, audit_personal
from schoolgate.storage.store import Head, Store, head_of

# Rows read at a time: 8,192 entries are about 4 MiB.
PAGE_ENTRIES = 32 * BLOCK_ENTRIES


class EntryMissing(AuditProblem):
    """There is no such entry."""


@dataclass(frozen=True)
class Entry:
    """One entry. `personal`: the values that are still there, by name; None where it was erased."""

    epoch: int
    number: int
    fields: dict[str, Any]
    octets: bytes
    hash: bytes
    personal: dict[str, str | None]


@dataclass(frozen=True)
class Proof:
    """Shows that an entry is in a tree of `size` entries with `root`. Hashes of 32 octets, RFC 9162 order."""

    number: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]


async def entry(store: Store, number: int, epoch: int | None = None) -> Entry:
    """An entry with its personal values. `epoch`: default the newest. Raises `EntryMissing`."""
    async with store.reading() as connection:
        wanted = epoch or (await head_of(connection, store.site_id)).epoch
        rows = await _rows(connection, store.site_id, wanted, number, 1)
        if not rows or rows[0].number != number:
            raise EntryMissing(f"the audit log has no entry {number} in epoch {wanted}; `audit log` lists the newest")
        openings = await _openings(connection, [rows[0].id])
        return _entry(rows[0], openings.get(rows[0].id, []))


async def newest(store: Store, most: int, **wanted: str) -> list[Entry]:
    """The newest entries whose fields have these values (`actor`, `operation`, `scope`, `outcome`), newest first.

    They are compared with the entry itself, not with a column that may have been changed beside it.
    """
    found: list[Entry] = []
    async with store.reading() as connection:
        head = await head_of(connection, store.site_id)
        for epoch in range(head.epoch, 0, -1):
            before: int | None = None
            while len(found) < most:
                rows = await _rows_before(connection, store.site_id, epoch, before)
                if not rows:
                    break
                before = rows[-1].number
                found += [one for one in map(_entry, rows) if all(one.fields.get(k) == v for k, v in wanted.items())]
    return found[:most]


async def inclusion(store: Store, number: int) -> Proof:
    """The proof for an entry of the newest epoch, in the tree as it is. Raises `EntryMissing`."""
    async with store.reading() as connection:
        head = await head_of(connection, store.site_id)
        if not 0 <= number < head.size:
            raise EntryMissing(f"the audit log has no entry {number}; the newest is {head.size - 1}")
        ranges = inclusion_ranges(number, head.size)
        hashes = [await _root_of(connection, store.site_id, head.epoch, one) for one in ranges]
        return Proof(number, head.size, head.tree.root(), tuple(hashes))


async def consistency(store: Store, old: int) -> tuple[Head, list[bytes]]:
    """The proof that the newest epoch begins with its first `old` entries, and the head. Raises `EntryMissing`."""
    async with store.reading() as connection:
        head = await head_of(connection, store.site_id)
        if not 0 <= old <= head.size:
            raise EntryMissing(f"the audit log has {head.size} entries, not {old}")
        ranges = consistency_ranges(old, head.size)
        return head, [await _root_of(connection, store.site_id, head.epoch, one) for one in ranges]


async def export(store: Store, *, has_personal: bool) -> AsyncIterator[bytes]:
    """The lines of an export, without newlines, from one view of the store. `has_personal`: with values and salts."""
    async with store.reading() as connection:
        site = store.site_id
        head = await head_of(connection, site)
        yield own_line("export", format=FORMAT, site=str(site))
        key = None if head.public_key is None else head.public_key.hex()
        yield own_line("head", epoch=head.epoch, size=head.size, root=head.tree.root().hex(), public_key=key)
        notes = audit_checkpoint.c
        order = (notes.epoch, notes.size, notes.at_us)
        for note in (
            await connection.execute(select(notes.note).where(notes.site_id == site).order_by(*order))
        ).scalars():
            yield own_line("checkpoint", note=note)
        nodes = audit_node.c
        for row in await connection.execute(select(audit_node).where(nodes.site_id == site)):
            yield own_line("node", epoch=row.epoch, level=row.level, number=row.number, hash=row.hash.hex())
        for epoch in await _epochs(connection, site):
            yield own_line("epoch", epoch=epoch)
            async for line in _epoch_lines(connection, site, epoch, has_personal):
                yield line
        yield own_line("end")


async def _epochs(connection: AsyncConnection, site_id: UUID) -> Sequence[int]:
    rows = audit_entry.c
    statement = select(rows.epoch).where(rows.site_id == site_id).group_by(rows.epoch).order_by(rows.epoch)
    return (await connection.execute(statement)).scalars().all()


async def _epoch_lines(
    connection: AsyncConnection, site_id: UUID, epoch: int, has_personal: bool
) -> AsyncIterator[bytes]:
    start = -(2**62)
    while rows := await _rows(connection, site_id, epoch, start, PAGE_ENTRIES):
        start = rows[-1].number + 1
        openings = await _openings(connection, [row.id for row in rows]) if has_personal else {}
        for at in range(0, len(rows), BLOCK_ENTRIES):
            block = rows[at : at + BLOCK_ENTRIES]
            for row in block:
                yield row.entry.encode()
                for one in openings.get(row.id, ()):
                    yield own_line("opening", entry=str(row.id), name=one.name, value=one.value, salt=one.salt.hex())
            yield hashes_line(row.hash for row in block)


async def _rows(connection: AsyncConnection, site_id: UUID, epoch: int, start: int, most: int) -> Sequence[Any]:
    rows = audit_entry.c
    statement = (
        select(rows.id, rows.epoch, rows.number, rows.entry, rows.hash)
        .where(rows.site_id == site_id, rows.epoch == epoch, rows.number >= start)
        .order_by(rows.number)
        .limit(most)
    )
    return (await connection.execute(statement)).all()


async def _rows_before(connection: AsyncConnection, site_id: UUID, epoch: int, before: int | None) -> Sequence[Any]:
    rows = audit_entry.c
    statement = select(rows.id, rows.epoch, rows.number, rows.entry, rows.hash)
    statement = statement.where(rows.site_id == site_id, rows.epoch == epoch)
    if before is not None:
        statement = statement.where(rows.number < before)
    return (await connection.execute(statement.order_by(rows.number.desc()).limit(1024))).all()


async def _openings(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, list[Opening]]:
    found: dict[UUID, list[Opening]] = {}
    rows = audit_personal.c
    for at in range(0, len(ids), 500):  # a statement has a bound number of parameters
        statement = select(audit_personal).where(rows.entry_id.in_(ids[at : at + 500])).order_by(rows.name)
        for row in await connection.execute(statement):
            found.setdefault(row.entry_id, []).append(Opening(row.name, row.value, row.salt))
    return found


def _entry(row: Any, openings: Sequence[Opening] = ()) -> Entry:
    octets = row.entry.encode()
    try:
        fields = parse_entry(octets)
    except ValueError:
        fields = {"operation": "unreadable", "personal": {}}
    stated = fields.get("personal") or {}
    known = {one.name: one.value for one in openings if stated.get(one.name) == commitment(one)}
    return Entry(row.epoch, row.number, fields, octets, row.hash, {name: known.get(name) for name in stated})


async def _root_of(connection: AsyncConnection, site_id: UUID, epoch: int, wanted: Range) -> bytes:
    """The root over a range of entries, from stored nodes as far as there are any."""
    pieces = [await _subtree(connection, site_id, epoch, one) for one in perfect_subtrees(*wanted)]
    root = pieces[-1]
    for left in reversed(pieces[:-1]):
        root = node_hash(left, root)
    return root


async def _subtree(connection: AsyncConnection, site_id: UUID, epoch: int, wanted: Range) -> bytes:
    start, end = wanted
    level = max([one for one in (0, *own_entries.TILE_LEVELS) if 1 << one <= end - start])
    table = audit_node if level else audit_entry
    rows = table.c
    conditions = [rows.site_id == site_id, rows.epoch == epoch]
    if level:
        conditions.append(audit_node.c.level == level)
    between = rows.number.between(start >> level, (end >> level) - 1)
    statement = select(rows.hash).where(*conditions, between).order_by(rows.number)
    hashes = (await connection.execute(statement)).scalars().all()
    if len(hashes) != (end - start) >> level:
        raise AuditProblem(f"entries {start} to {end - 1} are not whole; run `schoolgate audit verify`")
    tree = CompactRange()
    for one in hashes:
        tree.append(one)
    return tree.root()


async def count(store: Store) -> int:
    """Entries of all epochs."""
    async with store.reading() as connection:
        statement = select(func.count()).where(audit_entry.c.site_id == store.site_id)
        return (await connection.execute(statement)).scalar_one()
