"""Copies for a backup that hold still while it is written: databases, what belongs to them, and files of the log.

A live SQLite file is never copied as a file: its own backup call gives one consistent state, whatever is written
meanwhile. Files of the query log get a second name, so that maintenance can take the first one away.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from schoolgate.backup.contents import Item, is_database
from schoolgate.backup.errors import BackupFailed, why
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.querylog.layout import LogFolder

# Copied while no policy is being applied: of two moments they would contradict each other.
_TOGETHER = {"active-policy.json", "installation.json", "audit.key", "audit.key.next", "sealed.json"}
# A writer of the database is waited for this long.
PATIENCE_S = 20.0


@contextmanager
def work_folder(state_dir: Path) -> Iterator[Path]:
    """An empty directory for copies; what a killed process left there is removed first. Raises `OSError`."""
    folder = state_dir / "backup" / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def staged(state_dir: Path, items: Sequence[Item], work: Path) -> tuple[Item, ...]:
    """The items, those that would not hold still replaced by copies in `work`. Raises `BackupFailed`."""
    with _log_held_still(state_dir, any(one.is_log for one in items)):
        linked = [_linked(one, work) if one.is_log else one for one in items]
    with PolicyFiles(state_dir).locked():
        return tuple(one for item in linked if (one := _copied(item, work)) is not None)


@contextmanager
def _log_held_still(state_dir: Path, has_log: bool) -> Iterator[None]:
    with LogFolder(state_dir / "log").held_still() if has_log else contextlib.nullcontext():
        yield


def _linked(item: Item, work: Path) -> Item:
    place = _place(work, item.name)
    try:
        os.link(item.source, place, follow_symlinks=False)
    except FileNotFoundError as error:
        raise BackupFailed(
            f"{item.source}: the log was rearranged while it was looked at; make the backup again"
        ) from error
    except OSError:  # another file system, or one without links: read it where it is
        return item
    return replace(item, source=place)


def _copied(item: Item, work: Path) -> Item | None:
    """None where the file is gone by now."""
    if item.is_log:
        return item
    try:
        item.source.stat()
        if is_database(item.name):
            place = _place(work, item.name)
            copy_database(item.source, place)
        elif str(item.name) in _TOGETHER:
            place = _place(work, item.name)
            shutil.copyfile(item.source, place)
            place.chmod(item.source.stat().st_mode & 0o777)
        else:
            return item
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackupFailed(f"{item.source}: cannot be copied: {why(error)}; no backup was made") from error
    return replace(item, source=place)


def copy_database(source: Path, place: Path) -> None:
    """One consistent state of a database, with its mode. Raises `BackupFailed`; then `place` is of no use."""
    try:
        with contextlib.closing(_opened(source)) as live, contextlib.closing(sqlite3.connect(place)) as copy:
            live.backup(copy)
            if copy.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise BackupFailed(f"{source}: the database is damaged; restore it from an earlier backup")
        place.chmod(source.stat().st_mode & 0o777)
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        if code == "SQLITE_FULL":
            raise BackupFailed(f"{place}: the disk is full; no backup was made: free some space") from error
        if code in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
            raise BackupFailed(f"{source}: the database is damaged; restore it from an earlier backup") from error
        raise BackupFailed(f"{source}: the database cannot be copied ({error}); make the backup again") from error


def _opened(source: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True, timeout=PATIENCE_S)


def _place(work: Path, name: PurePosixPath) -> Path:
    place = work / "copies" / name
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place
