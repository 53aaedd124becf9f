"""Restores a backup: decrypted and unpacked aside, every file compared, the audit log given a new epoch, then put in
place by one rename. Until then nothing that is there is touched; a restore that is killed leaves a directory aside.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from schoolgate.audit.event import Event
from schoolgate.backup import audit_part
from schoolgate.backup.contents import RESTORED_FILES, STAGING_PREFIX
from schoolgate.backup.errors import BackupDamaged, RestoreRefused, why
from schoolgate.backup.manifest import ELSEWHERE, STATE, Manifest
from schoolgate.backup.private_folder import private_folder
from schoolgate.backup.putting_in_place import give_lock, give_to, is_in_use, owner_of, put_in_place, staging_parent
from schoolgate.backup.streams import unpack_decrypted
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.policy.store_check import Unusable
from schoolgate.storage import state_dir as state_dirs

if TYPE_CHECKING:
    import pyrage


@dataclass(frozen=True)
class Restored:
    """A backup in place. `moved_aside`: where the state directory of before is; `elsewhere`: where files lie that
    belong outside it, under their old paths. `epoch`: of the audit log, None where the backup has none."""

    manifest: Manifest
    state_dir: Path
    moved_aside: Path | None
    elsewhere: Path | None
    epoch: int | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Settled:
    epoch: int | None
    problems: tuple[str, ...]


def restore(
    source: BinaryIO,
    identities: Sequence[pyrage.x25519.Identity],
    state_dir: Path,
    *,
    actor: str,
    now: dt.datetime,
    is_replacing: bool = False,
    lost_checkpoint: str | None = None,
) -> Restored:
    """Restores into `state_dir`, which must be empty, or is moved aside with `is_replacing`.

    `lost_checkpoint`: the newest checkpoint of the audit log that was kept elsewhere; it puts on record which entries
    are lost. Raises `RestoreRefused`, `AlreadyRunning`, `WrongKey`, `BackupDamaged`, `BackupLater`, `StoreProblem`;
    then everything is as it was.
    """
    is_there = is_in_use(state_dir)
    if is_there and not is_replacing:
        raise RestoreRefused(f"{state_dir} is not empty; restore into another one, or move it aside with --replace")
    owner = owner_of(state_dir)
    with _nothing_runs(state_dir, owner), _aside(state_dir) as folder:
        manifest = _unpacked(source, identities, folder)
        settled = settle(folder / STATE, manifest, actor, now, lost_checkpoint)
        give_to(folder / STATE, owner)
        # Secrets and settings of the machine stay with who restores, until they are in their places.
        has_elsewhere = _with_files_elsewhere(folder)
        moved = put_in_place(folder / STATE, state_dir, now, is_there=is_there)
    elsewhere = state_dir / RESTORED_FILES if has_elsewhere else None
    return Restored(manifest, state_dir, moved, elsewhere, settled.epoch, settled.problems)


def unpack(source: BinaryIO, identities: Sequence[pyrage.x25519.Identity], folder: Path) -> Manifest:
    """Decrypts, unpacks and compares, into an empty directory. Raises as `restore`."""
    return _unpacked(source, identities, folder)


def settle(state: Path, manifest: Manifest, actor: str, now: dt.datetime, lost: str | None) -> _Settled:
    """Makes of unpacked files a state directory that can be started from. Raises `BackupDamaged`, `StoreProblem`."""
    state.chmod(state_dirs.MODE)
    if manifest.pinned_lists is not None:
        (state / "lists" / "current").symlink_to(f"{manifest.pinned_lists}.snapshot")
    _refuse_damaged_policy(state)
    detail = {"made_at": manifest.at.isoformat(timespec="seconds"), "installation": manifest.installation}
    event = Event(int(now.timestamp() * 1_000_000), actor, audit_part.RESTORED, detail=detail)
    begun = audit_part.begin_epoch(state, manifest.audit, event, lost)
    return _Settled(None, ()) if begun is None else _Settled(begun.epoch, begun.problems)


def _unpacked(source: BinaryIO, identities: Sequence[pyrage.x25519.Identity], folder: Path) -> Manifest:
    try:
        manifest = unpack_decrypted(source, identities, folder)
    except FileExistsError as error:
        raise BackupDamaged("a file is twice in this backup; it was changed: use another one") from error
    except OSError as error:
        raise RestoreRefused(
            f"{error.filename or folder}: {why(error)}; the backup was not restored, everything is as it was"
        ) from error
    (folder / STATE).mkdir(exist_ok=True)
    return manifest


def _refuse_damaged_policy(state: Path) -> None:
    files = PolicyFiles(state)
    if not files.store.path.exists():
        return
    database = files.read_database(None, is_thorough=True)
    if isinstance(database, Unusable) and database.kind == "damaged":
        raise BackupDamaged(f"the policy of this backup cannot be used: {database.reason}; use another backup")


@contextmanager
def _nothing_runs(state_dir: Path, owner: tuple[int, int]) -> Iterator[None]:
    """No service has the directory, and none starts with it meanwhile. The lock is `owner`'s, however this ends."""
    with state_dirs.held(state_dir) if state_dir.is_dir() else contextlib.nullcontext():
        give_lock(state_dir, owner)
        yield


@contextmanager
def _aside(state_dir: Path) -> Iterator[Path]:
    """An empty directory to unpack into, and beside it what holds it."""
    try:
        opened = private_folder(STAGING_PREFIX, staging_parent(state_dir))
        folder = opened.__enter__()
    except OSError as error:
        raise RestoreRefused(f"{state_dir}: {why(error)}; restore as root, or as the user of the service") from error
    with contextlib.ExitStack() as stack:
        stack.push(opened)
        yield folder


def _with_files_elsewhere(folder: Path) -> bool:
    """Puts files that belong outside the state directory into it, for a person to take from there."""
    elsewhere = folder / ELSEWHERE
    if not elsewhere.is_dir() or not any(elsewhere.iterdir()):
        return False
    os.rename(elsewhere, folder / STATE / RESTORED_FILES)  # noqa: PTH104
    return True
