"""Puts a restored state directory where the old one is: by one exchange of names where the file system can do that.

Where the directory itself cannot be renamed (it is a mount, or the directory above is another user's), its content is
moved, what must be there first: a start in between then finds that something is missing, and never begins anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import os
import pwd
import shutil
from collections.abc import Iterable
from pathlib import Path

from schoolgate.backup.contents import ASIDE_PREFIX, STAGING_PREFIX
from schoolgate.backup.errors import RestoreRefused, why
from schoolgate.config.service_user import ACCOUNT
from schoolgate.storage.atomic_file import sync_directory

# renameat2(2)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
# What a service leaves in a directory that was never used; it comes back by itself.
_NOTHING = {"lock", "control.sock", "active-policy.lock"}
# Without these a start could take the directory for a new one; a sealed list that is recorded must be there.
_FIRST = ("installation.json", "sealed.json", "active-policy.json", "policy.db")


def is_in_use(state_dir: Path) -> bool:
    """Whether there is anything that a restore would replace. Raises `RestoreRefused` where it cannot be seen."""
    try:
        return any(one.name not in _NOTHING and not _is_ours(one.name) for one in state_dir.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise RestoreRefused(f"{state_dir}: {why(error)}; restore as root, or as the user of the service") from error


def staging_parent(state_dir: Path) -> Path:
    """Where a restore is unpacked: beside the state directory, so that a rename puts it in place; else inside it."""
    parent = state_dir.absolute().parent
    if not state_dir.is_dir():
        parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        return parent
    return parent if _is_renameable(state_dir) else state_dir


def owner_of(state_dir: Path) -> tuple[int, int]:
    """User and group that the restored files must have: those of the directory there is, else of the service."""
    if state_dir.is_dir():
        found = state_dir.stat()
        return found.st_uid, found.st_gid
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return os.geteuid(), os.getegid()
    return account.pw_uid, account.pw_gid


def give_to(folder: Path, owner: tuple[int, int]) -> None:
    """Changes the owner of everything below, where we are root; any other user restores for itself."""
    if os.geteuid() != 0:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)


def give_lock(state_dir: Path, owner: tuple[int, int]) -> None:
    """The same for the lock that the restore holds: a service that cannot open it does not start."""
    path = state_dir / "lock"
    if os.geteuid() == 0 and path.exists():
        os.chown(path, *owner, follow_symlinks=False)


def put_in_place(new: Path, state_dir: Path, now: dt.datetime, *, is_there: bool) -> Path | None:
    """Returns where the old content is now, None where there was none. Raises `RestoreRefused`; everything is as it was
    then."""
    try:
        if new.parent.parent == state_dir.absolute():
            return _moved_in(new, state_dir, now, is_there=is_there)
        if not state_dir.is_dir():
            new.rename(state_dir)
            sync_directory(state_dir.parent)
            return None
        return _exchanged(new, state_dir, _stamp(now), is_there=is_there)
    except OSError as error:
        raise RestoreRefused(f"{state_dir}: {why(error)}; the backup was not put in place") from error


def _exchanged(new: Path, state_dir: Path, stamp: str, *, is_there: bool) -> Path | None:
    """The old one gets its name when it is the old one; a kill before leaves it under a name that says neither."""
    beside = state_dir.absolute().with_name(f"{state_dir.name}{STAGING_PREFIX}{stamp}")
    aside = state_dir.absolute().with_name(f"{state_dir.name}.{ASIDE_PREFIX}{stamp}")
    _refuse_existing(beside)
    _refuse_existing(aside)
    # From here on it lies where no tidying of ours comes: after the exchange it is the old one.
    new.rename(beside)
    try:
        _exchange(beside, state_dir)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    if not is_there:
        shutil.rmtree(beside, ignore_errors=True)
        return None
    with contextlib.suppress(OSError):
        beside = beside.rename(aside)
    sync_directory(beside.parent)
    return beside


def _exchange(new: Path, state_dir: Path) -> None:
    """Swaps two directories. Raises `OSError`; then they are as they were."""
    if _is_swapped(new, state_dir):
        return
    # A file system without exchange. Killed in between, the directory is missing: both lie beside it, by these names.
    old = new.with_name(f"{new.name}.old")
    state_dir.rename(old)
    try:
        new.rename(state_dir)
    except OSError:
        old.rename(state_dir)
        raise
    old.rename(new)


def _is_swapped(one: Path, other: Path) -> bool:
    """Whether two names were swapped at once; False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _refuse_existing(aside: Path) -> None:
    if os.path.lexists(aside):
        raise RestoreRefused(f"{aside} is there already; move it away, then restore again")


def _moved_in(new: Path, state_dir: Path, now: dt.datetime, *, is_there: bool) -> Path | None:
    aside = state_dir / f"{ASIDE_PREFIX}{_stamp(now)}"
    if is_there:
        _refuse_existing(aside)
        aside.mkdir(mode=0o700)
        for name in _in_order([one.name for one in state_dir.iterdir()], reverse=True):
            if name not in _NOTHING and not _is_ours(name):
                (state_dir / name).rename(aside / name)
    for name in _in_order([one.name for one in new.iterdir()]):
        (new / name).rename(state_dir / name)
    sync_directory(state_dir)
    return aside if is_there else None


def _in_order(names: Iterable[str], *, reverse: bool = False) -> list[str]:
    return sorted(names, key=lambda name: (name not in _FIRST, name), reverse=reverse)


def _is_renameable(folder: Path) -> bool:
    parent = folder.absolute().parent
    return os.access(parent, os.W_OK | os.X_OK) and not folder.is_mount() and not folder.is_symlink()


def _is_ours(name: str) -> bool:
    return name.startswith((STAGING_PREFIX, ASIDE_PREFIX))


def _stamp(now: dt.datetime) -> str:
    return now.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
