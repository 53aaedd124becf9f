"""What a person may do with the audit log: list, show, verify, export, sign. Values come back; nothing is printed.

Each opens and closes the store itself. A look at personal values and an export of them are entries in turn.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schoolgate.audit import keys, own_entries
from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.event import Event
from schoolgate.audit.export_lines import MARK
from schoolgate.audit.note import public_keys, verifier_key
from schoolgate.audit.tampering import Verification
from schoolgate.audit.verify import Verifier
from schoolgate.config.problems import did_you_mean
from schoolgate.storage import audit_log, audit_reading
from schoolgate.storage.audit_reading import Entry, Proof
from schoolgate.storage.store import Store, head_of

# Entries that are looked at for words like the one that was asked for.
MOST_COMPARED = 10_000
STORE_NAME = "control.db"
KEY_NAME = "audit.key"
EXPORTED = "audit.export"
SHOWN = "audit.show_personal"


class NoSuchValue(AuditProblem):
    """No entry has a word that was asked for."""


@dataclass(frozen=True)
class Place:
    """Where a log is: its store (file or PostgreSQL address) and the file of its key."""

    store: Path | str
    key: Path

    @classmethod
    def in_folder(cls, state_dir: Path) -> Place:
        """The usual place below the state directory."""
        return cls(state_dir / STORE_NAME, state_dir / KEY_NAME)


@dataclass(frozen=True)
class Shown:
    """An entry, and its proof in the log as it is; None for an entry of an older epoch."""

    entry: Entry
    proof: Proof | None


@dataclass(frozen=True)
class Signed:
    """A checkpoint's note, and the line by which others know the key."""

    note: str
    verifier_key: str


@dataclass(frozen=True)
class Exported:
    """How much was written."""

    entries: int
    octets: int


async def log(place: Place, now_us: int, most: int = 50, **wanted: str) -> list[Entry]:
    """The newest entries, newest first; `wanted`: actor, operation, scope, outcome. Raises `NoSuchValue` for a word
    that no entry has."""
    async with await Store.open(place.store, now_us=now_us) as store:
        found = await audit_reading.newest(store, most, **wanted)
        if wanted and not found:
            _refuse_unknown(await audit_reading.newest(store, MOST_COMPARED), wanted)
        return found


def _refuse_unknown(entries: Sequence[Entry], wanted: dict[str, str]) -> None:
    for name in ("actor", "operation", "scope"):
        known = {str(one.fields.get(name, "")) for one in entries}
        if name in wanted and entries and wanted[name] not in known:
            raise NoSuchValue(
                f"no entry of the audit log has the {name} {wanted[name]}; {did_you_mean(wanted[name], known)}"
            )


async def show(place: Place, number: int, epoch: int | None, actor: str, now_us: int) -> Shown:
    """One entry with its personal values. Where it has any, the look is an entry of its own. Raises `EntryMissing`."""
    async with await Store.open(place.store, now_us=now_us) as store:
        return await show_in(store, number, epoch, actor, now_us)


async def show_in(store: Store, number: int, epoch: int | None, actor: str, now_us: int) -> Shown:
    """`show`, of an open store."""
    entry = await audit_reading.entry(store, number, epoch)
    if any(value is not None for value in entry.personal.values()):
        detail = {"epoch": entry.epoch, "number": number}
        await _record(store, Event(now_us, actor, SHOWN, detail=detail))
    return await proved(store, entry)


async def proved(store: Store, entry: Entry) -> Shown:
    """An entry with its proof."""
    async with store.reading() as connection:
        is_newest_epoch = (await head_of(connection, store.site_id)).epoch == entry.epoch
    return Shown(entry, await audit_reading.inclusion(store, entry.number) if is_newest_epoch else None)


async def verify_store(
    place: Place, now_us: int, outside: Sequence[str] = (), known_keys: Sequence[str] = ()
) -> Verification:
    """Verifies the log in its store. `outside`: checkpoint notes kept elsewhere; `known_keys`: verifier keys."""
    async with await Store.open(place.store, now_us=now_us) as store:
        return await verify_in(store, outside, known_keys)


async def verify_in(store: Store, outside: Sequence[str] = (), known_keys: Sequence[str] = ()) -> Verification:
    """`verify_store`, of an open store."""
    verifier = Verifier(outside, public_keys(known_keys))
    async for lines in audit_reading.export(store, has_personal=True):
        verifier.feed(lines)
    return verifier.finish()


async def export(place: Place, file: Path, actor: str, now_us: int, *, has_personal: bool) -> Exported:
    """Writes an export, mode 0600; the file must not exist. It is recorded first. Raises `AuditProblem`."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise AuditProblem(f"{file}: {error.strerror}; name a file that does not exist yet") from error
    is_whole = False
    try:
        with os.fdopen(descriptor, "wb") as written:
            async with await Store.open(place.store, now_us=now_us) as store:
                await _record(store, Event(now_us, actor, EXPORTED, detail={"has_personal": has_personal}))
                made = await _write(store, written, has_personal)
            written.flush()
            os.fsync(written.fileno())
        is_whole = True
    except OSError as error:
        raise AuditProblem(f"{file}: {error.strerror}; the export was not written: free some space") from error
    finally:
        if not is_whole:
            _remove(file)
    return made


async def export_lines(store: Store, actor: str, now_us: int) -> AsyncIterator[list[bytes]]:
    """The lines of an export without personal values, some at a time. It is recorded first."""
    await _record(store, Event(now_us, actor, EXPORTED, detail={"has_personal": False}))
    async for lines in audit_reading.export(store, has_personal=False):
        yield lines


async def checkpoint(place: Place, actor: str, now_us: int) -> Signed:
    """Signs the log as it is, with the key of this installation, which the first call makes."""
    async with await Store.open(place.store, now_us=now_us) as store:
        return await checkpoint_in(store, place.key, actor, now_us)


async def checkpoint_in(store: Store, key_file: Path, actor: str, now_us: int) -> Signed:
    """`checkpoint`, of an open store."""
    async with store.change() as change:
        key = keys.load_current(key_file, change.head.public_key)
        note = await audit_log.checkpoint(change, key, now_us, actor)
        name = own_entries.origin(store.site_id, change.head.epoch)
        return Signed(note, verifier_key(name, key.public_key().public_bytes_raw()))


async def rotate(place: Place, actor: str, now_us: int) -> Signed:
    """Replaces the key by a new one that the old one signs; returns the checkpoint that both signed."""
    async with await Store.open(place.store, now_us=now_us) as store:
        async with store.change() as change:
            if change.head.public_key is None:
                raise AuditProblem("the log has no key yet; `schoolgate audit checkpoint` makes it")
            old = keys.load_current(place.key, change.head.public_key)
            new = keys.make(keys.next_path(place.key))
            note = await audit_log.rotate_key(change, old, new, now_us, actor)
            name = own_entries.origin(store.site_id, change.head.epoch)
        keys.replace(place.key)
        return Signed(note, verifier_key(name, new.public_key().public_bytes_raw()))


async def _record(store: Store, event: Event) -> None:
    async with store.change() as change:
        await audit_log.append(change, event)


async def _write(store: Store, file: BinaryIO, has_personal: bool) -> Exported:
    entries = octets = 0
    async for lines in audit_reading.export(store, has_personal=has_personal):
        octets += file.write(b"".join(line + b"\n" for line in lines))
        entries += sum(not line.startswith(MARK) for line in lines)
    return Exported(entries, octets)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
