"""What backups have to do with the audit log: an entry for each operation, a checkpoint in each backup, an epoch after
each restore. Where no control.db was made yet, there is nothing to record in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schoolgate.audit import keys
from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.event import Event
from schoolgate.audit.tampering import Verification
from schoolgate.backup.manifest import AuditHead
from schoolgate.storage import audit_log, audit_operations
from schoolgate.storage.audit_operations import KEY_NAME, STORE_NAME, Place
from schoolgate.storage.errors import StoreProblem
from schoolgate.storage.store import Change, Store

CREATED, RESTORED, TESTED, KEY_MADE = "backup.create", "backup.restore", "backup.test", "backup.key_made"
MEDIUM_CHANGED, REMOVED = "backup.medium_changed", "backup.remove"


@dataclass(frozen=True)
class EpochBegun:
    """The log after a restore. `problems`: what an operator should look at."""

    epoch: int
    problems: tuple[str, ...] = ()


def record(state_dir: Path, *events: Event) -> str | None:
    """Appends entries; returns why that was not possible, which does not undo what was done."""
    if not events or not (state_dir / STORE_NAME).exists():
        return None
    try:
        asyncio.run(_append(state_dir / STORE_NAME, events))
    except (StoreProblem, AuditProblem) as error:
        return f"not recorded in the audit log: {error}"
    return None


def sign(state_dir: Path, actor: str, now_us: int) -> str | None:
    """Signs the log as it is, so that the backup holds a checkpoint; returns why that was not possible. So a key that
    was lost is named at the next backup, and not at the next audit."""
    if not (state_dir / STORE_NAME).exists():
        return None
    try:
        asyncio.run(audit_operations.checkpoint(Place.in_folder(state_dir), actor, now_us))
    except (StoreProblem, AuditProblem) as error:
        return f"the backup holds no new checkpoint of the audit log: {error}"
    return None


def head_in(store: Path, now_us: int) -> AuditHead | None:
    """The head of the log in a copy; None where there is no store, or one that this version does not read."""
    if not store.exists():
        return None
    try:
        return asyncio.run(_head(store, now_us))
    except StoreProblem:
        return None


def begin_epoch(state_dir: Path, head: AuditHead | None, event: Event, lost: str | None) -> EpochBegun | None:
    """Begins a new epoch of the log in a restored directory; None where there is no log.

    `head`: what the manifest says the log was. `lost`: a later checkpoint that was kept elsewhere. The owner's part:
    an older store is migrated first. Raises `StoreProblem` for a store of a later version or a damaged one,
    `AuditProblem` for a note that is none.
    """
    if not (state_dir / STORE_NAME).exists():
        return None
    return asyncio.run(_begin_epoch(state_dir, head, event, lost))


def verify(state_dir: Path, now_us: int, outside: Sequence[str] = ()) -> Verification:
    """Verifies the whole log. Raises `StoreProblem`, `AuditProblem`."""
    return asyncio.run(audit_operations.verify_store(Place.in_folder(state_dir), now_us, outside))


async def _append(path: Path, events: Sequence[Event]) -> None:
    async with await Store.open(path, now_us=events[0].at_us) as store, store.change() as change:
        await audit_log.append_all(change, events)


async def _head(path: Path, now_us: int) -> AuditHead:
    async with await Store.open(path, now_us=now_us) as store, store.reading() as connection:
        from schoolgate.storage.store import head_of

        head = await head_of(connection, store.site_id, store.where)
        latest = await audit_log.latest_checkpoint(Change(connection, store.site_id, head))
        return AuditHead(head.epoch, head.size, head.tree.root().hex(), None if latest is None else latest[1])


async def _begin_epoch(state_dir: Path, head: AuditHead | None, event: Event, lost: str | None) -> EpochBegun:
    problems: list[str] = []
    opened = await Store.open(state_dir / STORE_NAME, now_us=event.at_us, is_owner=True)
    async with opened as store, store.change() as change:
        found = (change.head.epoch, change.head.size, change.head.tree.root().hex())
        if head is not None and found != (head.epoch, head.size, head.root):
            problems.append("the audit log is not the one that the manifest names; verify it, and keep the backup")
        if _is_key_there(state_dir / KEY_NAME, change.head.public_key):
            await audit_log.start_epoch(change, event, lost)
        else:
            problems.append("the key of the audit log was not in the backup; a new one signs from here on")
            for path in (state_dir / KEY_NAME, keys.next_path(state_dir / KEY_NAME)):
                path.unlink(missing_ok=True)
            await audit_log.replace_lost_key(change, keys.make(state_dir / KEY_NAME), event)
        epoch = change.head.epoch
    return EpochBegun(epoch, tuple(problems))


def _is_key_there(path: Path, public_key: bytes | None) -> bool:
    if public_key is None:
        return True
    try:
        keys.load_current(path, public_key)
    except AuditProblem:
        return False
    return True
