"""Reads the audit log from its database: entries, proofs, and the export that `audit.verify` takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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

# Entries of one page are looked for among so many: half a second.
MOST_LOOKED_AT = 20_000
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
        return _entry(rows[0], await _openings(connection, rows[0].id))


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


async def count_of(store: Store, operation: str, outcome: str = "") -> int:
    """How many entries there are of operations whose names begin so, in every epoch; of one outcome where it is given.

    Counted in the text of the entries (canonical JSON), without their proofs.
    """
    rows = audit_entry.c
    wanted = select(func.count()).where(rows.site_id == store.site_id, rows.entry.contains(f'"operation":"{operation}'))
    if outcome:
        wanted = wanted.where(rows.entry.contains(f'"outcome":"{outcome}"'))
    async with store.reading() as connection:
        return int((await connection.execute(wanted)).scalar_one())


async def page(
    store: Store, most: int, before: tuple[int, int] | None, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> tuple[list[Entry], tuple[int, int] | None]:
    """Entries older than `before` (epoch, number) that are wanted, newest first, and where the next page begins.

    At most `MOST_LOOKED_AT` are looked at: a page may be empty and have a next one.
    """
    found: list[Entry] = []
    looked_at = 0
    async with store.reading() as connection:
        head = await head_of(connection, store.site_id)
        epoch, number = before if before is not None else (head.epoch, None)
        for one_epoch in range(min(epoch, head.epoch), 0, -1):
            at = number if one_epoch == epoch else None
            while rows := await _rows_before(connection, store.site_id, one_epoch, at):
                for row in rows:
                    at = int(row.number)
                    looked_at += 1
                    entry = _entry(row)
                    if is_wanted(entry.fields):
                        found.append(entry)
                    if len(found) == most or looked_at == MOST_LOOKED_AT:
                        return found, (one_epoch, at)
    return found, None


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


async def export(store: Store, *, has_personal: bool) -> AsyncIterator[list[bytes]]:
    """The lines of an export, some at a time, without newlines, from one view of the store.

    `has_personal`: with values and salts.
    """
    async with store.reading() as connection:
        site = store.site_id
        head = await head_of(connection, site)
        key = None if head.public_key is None else head.public_key.hex()
        root = head.tree.root().hex()
        begin = own_line("export", format=FORMAT, site=str(site))
        yield [begin, own_line("head", epoch=head.epoch, size=head.size, root=root, public_key=key)]
        notes = audit_checkpoint.c
        signed = select(notes.note).where(notes.site_id == site).order_by(notes.epoch, notes.size, notes.at_us)
        yield [own_line("checkpoint", note=note) for note in (await connection.execute(signed)).scalars()]
        node = audit_node.c
        nodes = select(node.epoch, node.level, node.number, node.hash).where(node.site_id == site)
        yield [
            own_line("node", epoch=row.epoch, level=row.level, number=row.number, hash=row.hash.hex())
            for row in await connection.execute(nodes)
        ]
        for epoch in await _epochs(connection, site):
            yield [own_line("epoch", epoch=epoch)]
            async for lines in _epoch_lines(connection, site, epoch, has_personal):
                yield lines
        yield [own_line("end")]


async def _epochs(connection: AsyncConnection, site_id: UUID) -> Sequence[int]:
    rows = audit_entry.c
    statement = select(rows.epoch).where(rows.site_id == site_id).group_by(rows.epoch).order_by(rows.epoch)
    return (await connection.execute(statement)).scalars().all()


async def _epoch_lines(
    connection: AsyncConnection, site_id: UUID, epoch: int, has_personal: bool
) -> AsyncIterator[list[bytes]]:
    start, rows = -(2**62), audit_entry.c
    here = (rows.site_id == site_id, rows.epoch == epoch)
    # Without identifiers: to make a UUID of each costs more than all the rest.
    wanted = select(rows.number, rows.entry, rows.hash).where(*here).order_by(rows.number).limit(PAGE_ENTRIES)
    while page := (await connection.execute(wanted.where(rows.number >= start))).all():
        first, last = page[0].number, page[-1].number
        start = last + 1
        openings = await _opening_lines(connection, site_id, epoch, (first, last)) if has_personal else {}
        for at in range(0, len(page), BLOCK_ENTRIES):
            block = page[at : at + BLOCK_ENTRIES]
            lines: list[bytes] = []
            for number, entry, _ in block:
                lines.append(entry.encode())
                if number in openings:
                    lines += openings[number]
            lines.append(hashes_line(hashed for _, _, hashed in block))
            yield lines


async def _opening_lines(
    connection: AsyncConnection, site_id: UUID, epoch: int, between: Range
) -> dict[int, list[bytes]]:
    rows, personal = audit_entry.c, audit_personal.c
    statement = (
        select(rows.number, personal.name, personal.value, personal.salt)
        .join(audit_personal, personal.entry_id == rows.id)
        .where(rows.site_id == site_id, rows.epoch == epoch, rows.number.between(*between))
        .order_by(rows.number, personal.name)
    )
    found: dict[int, list[bytes]] = {}
    for number, name, value, salt in await connection.execute(statement):
        found.setdefault(number, []).append(own_line("opening", name=name, value=value, salt=salt.hex()))
    return found


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


async def _openings(connection: AsyncConnection, entry_id: UUID) -> list[Opening]:
    rows = audit_personal.c
    statement = select(rows.name, rows.value, rows.salt).where(rows.entry_id == entry_id).order_by(rows.name)
    return [Opening(name, value, salt) for name, value, salt in await connection.execute(statement)]


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
