"""Appends to the audit log inside the transaction of the change it records: no entry, no change.

The caller's `Change` holds the head, locked, and writes it before it commits. An append computes O(log n) hashes from
the head's frontier and writes the entry, its personal values, and every 256 entries one node for proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import delete, select

from schoolgate.audit import event as events
from schoolgate.audit import note as notes
from schoolgate.audit.errors import KeyUnusable
from schoolgate.audit.event import Event
from schoolgate.audit.merkle import CompactRange, leaf_hash
from schoolgate.audit.own_entries import (
    ERASE,
    KEY_MADE,
    KEY_ROTATED,
    NEW_EPOCH,
    TILE_LEVELS,
    origin,
    rotation_text,
)
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import audit_checkpoint, audit_entry, audit_node, audit_personal
from schoolgate.storage.store import Change

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


# Made once: SQLAlchemy then finds the compiled statement without building it again.
_INSERT_ENTRY, _INSERT_PERSONAL, _INSERT_NODE = audit_entry.insert(), audit_personal.insert(), audit_node.insert()


@dataclass(frozen=True)
class Appended:
    """Where an entry stands. `number` counts from 0 within its epoch; `hash` has 32 octets."""

    entry_id: UUID
    epoch: int
    number: int
    hash: bytes


async def append(change: Change, event: Event) -> Appended:
    """Appends an entry; it is there when the change is committed. Raises `EntryRefused`."""
    return (await append_all(change, [event]))[0]


async def append_all(change: Change, wanted: Sequence[Event]) -> list[Appended]:
    """Appends entries in their order, by one statement a table. Raises `EntryRefused` for all of them."""
    head, site = change.head, {"site_id": change.site_id}
    epoch = {**site, "epoch": head.epoch}
    made: list[Appended] = []
    entries: list[dict[str, Any]] = []
    personal: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    for event in wanted:
        number, entry_id, openings = head.size, uuid7(event.at_us), events.openings_of(event)
        octets = events.entry_octets(
            event,
            openings,
            entry_id=entry_id,
            site_id=change.site_id,
            epoch=head.epoch,
            number=number,
            last_us=head.at_us,
        )
        hashed = leaf_hash(octets)
        completed: list[bytes] = []
        head.tree.append(hashed, completed)
        head.at_us = event.at_us
        made.append(Appended(entry_id, head.epoch, number, hashed))
        entries.append({"id": entry_id, **epoch, "number": number, "entry": octets.decode(), "hash": hashed})
        personal += [{"id": uuid7(event.at_us), **site, "entry_id": entry_id, **vars(one)} for one in openings]
        nodes += [{"id": uuid7(event.at_us), **epoch, **node} for node in _tiles(completed, head.size)]
    for statement, rows in ((_INSERT_ENTRY, entries), (_INSERT_PERSONAL, personal), (_INSERT_NODE, nodes)):
        if rows:
            # One row by itself: the driver runs it without a list.
            await change.connection.execute(statement, rows if len(rows) > 1 else rows[0])
    change.appended += [one.number for one in made]
    return made


async def erase_personal(change: Change, names: Sequence[str], value: str, event: Event) -> int:
    """Erases a person's value, and its salts, from every entry where it stands under one of these names.

    The entries and the tree stay as they are. Returns how many values were erased; appends `event`, which must not hold
    the value. After the commit, `Store.forget_old_pages` removes what the write-ahead log still holds.
    """
    done = await change.connection.execute(
        delete(audit_personal).where(
            audit_personal.c.site_id == change.site_id,
            audit_personal.c.value == value,
            audit_personal.c.name.in_(names),
        )
    )
    counted = {**event.detail, "erased": done.rowcount}
    await append(change, _as(event, operation=ERASE, detail=counted))
    return done.rowcount


async def checkpoint(change: Change, key: Ed25519PrivateKey, at_us: int, actor: str) -> str:
    """Signs the log as it is, stores the checkpoint and returns its note.

    The first one appends an entry that names the key. Without a new entry since the last checkpoint, that one is
    returned. Raises `KeyUnusable` where the key is not the one that the log names.
    """
    head, public = change.head, key.public_key().public_bytes_raw()
    if head.public_key is None:
        head.public_key = public
        await append(change, Event(at_us, actor, KEY_MADE, detail={"public_key": public.hex()}))
    elif head.public_key != public:
        raise KeyUnusable("this is not the key that signs this log; restore the one that belongs to it")
    return await _sign(change, at_us, key)


async def rotate_key(change: Change, old: Ed25519PrivateKey, new: Ed25519PrivateKey, at_us: int, actor: str) -> str:
    """Makes `new` the key of the log, by an entry that both keys signed; returns a checkpoint signed by both."""
    head = change.head
    before, after = (key.public_key().public_bytes_raw() for key in (old, new))
    name = origin(change.site_id, head.epoch)
    statement = notes.signed(rotation_text(name, before, after), name, old, new)
    head.public_key = after
    await append(change, Event(at_us, actor, KEY_ROTATED, detail={"note": statement}))
    return await _sign(change, at_us, old, new)


async def start_epoch(change: Change, event: Event, lost: str | None = None) -> Appended:
    """Begins a new log after a restore; its first entry embeds the head of the old one, which stays as it is.

    `lost`: the newest checkpoint of the old epoch that lies outside, where it counts more entries than were restored.
    It puts on record that these entries are lost. The old key, where it is at hand, signs on. Raises `NoteInvalid`.
    """
    head = change.head
    previous: dict[str, Any] = {"epoch": head.epoch, "size": head.size, "root": head.tree.root().hex()}
    detail = {**event.detail, "previous": previous, "lost": lost}
    if lost is not None:
        notes.parse_checkpoint(lost)
    if head.public_key is not None:
        detail["public_key"] = head.public_key.hex()
    head.epoch, head.tree = head.epoch + 1, CompactRange()
    return await append(change, _as(event, operation=NEW_EPOCH, detail=detail))


async def replace_lost_key(change: Change, new: Ed25519PrivateKey, event: Event) -> Appended:
    """Begins a new epoch with a new key where the old key is gone. The old key signed nothing: `verify` says so."""
    change.head.public_key = new.public_key().public_bytes_raw()
    return await start_epoch(change, event)


async def latest_checkpoint(change: Change) -> tuple[int, str] | None:
    """Size and note of the newest checkpoint of this epoch."""
    rows = audit_checkpoint.c
    row = (
        await change.connection.execute(
            select(rows.size, rows.note)
            .where(rows.site_id == change.site_id, rows.epoch == change.head.epoch)
            .order_by(rows.size.desc(), rows.at_us.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else (row.size, row.note)


async def _sign(change: Change, at_us: int, *keys: Ed25519PrivateKey) -> str:
    head = change.head
    latest = await latest_checkpoint(change)
    if latest is not None and latest[0] == head.size:
        change.is_signed = True
        return latest[1]
    name = origin(change.site_id, head.epoch)
    note = notes.signed(notes.Checkpoint(name, head.size, head.tree.root()).text(), name, *keys)
    row = {"epoch": head.epoch, "size": head.size, "at_us": at_us, "note": note}
    await change.connection.execute(audit_checkpoint.insert().values(id=uuid7(at_us), site_id=change.site_id, **row))
    change.is_signed = True
    return note


def _tiles(completed: Sequence[bytes], size: int) -> list[dict[str, Any]]:
    """The subtrees of 256^k entries among those that the last append completed."""
    return [
        {"level": level, "number": (size >> level) - 1, "hash": completed[level - 1]}
        for level in TILE_LEVELS
        if level <= len(completed)
    ]


def _as(event: Event, *, operation: str, detail: dict[str, Any]) -> Event:
    return Event(event.at_us, event.actor, operation, event.scope, event.outcome, detail, event.personal)
