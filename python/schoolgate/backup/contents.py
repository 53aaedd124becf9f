"""What of a state directory a backup holds, and what it leaves out because it comes back by itself.

Everything is taken that is not named here as left out, so that what a later version adds is in the backup too.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel

from schoolgate.config import Settings
from schoolgate.config.shipped import shipped_lists
from schoolgate.lists.history import PinFile
from schoolgate.lists.snapshots import SnapshotStore

_SHA256 = re.compile(rb"[0-9a-f]{64}")
# The log of queries itself; keys of pseudonyms and records of erasures beside it are always taken.
LOG_FOLDERS = ("log/wal", "log/rows", "log/rollups")
# What stands for a restore that is under way, and for what it moved aside.
STAGING_PREFIX, ASIDE_PREFIX, RESTORED_FILES = ".restore-", "before-restore-", "restored-files"
# The link to the snapshot in force: a restore or the first start makes it.
_CURRENT = PurePosixPath("lists/current")
# How what is left out comes back.
LEFT_OUT = {
    "lists/*.snapshot": "compiled again from the last good feeds at the first start; a pinned one is in the backup",
    "lists/store": "of the fetched lists only the last good ones are in the backup; `schoolgate lists update` renews",
    "monitor/status.json": "the monitor writes it each minute; without the query log its places in it are left out too",
    "identity": "which device has an address now; the identity process writes it again from its sources",
    "crashes": "packets that met a defect; send them with a report before",
    "control.db.at-*": "copies from before a migration",
    "[lists] dir, [reports] dir, folders of targets": "only where they are in the state directory",
}
LOG_LEFT_OUT = {"log": "rows of the query log; `--with-log` or [backup] query_log takes them"}


@dataclass(frozen=True)
class Item:
    """One file to take. `name`: below the state directory, or for files elsewhere their absolute path without `/`."""

    name: PurePosixPath
    source: Path
    is_log: bool = False


@dataclass(frozen=True)
class Contents:
    """What to take. `folders`: with their modes, so that empty ones come back too."""

    folders: tuple[tuple[PurePosixPath, int], ...]
    items: tuple[Item, ...]
    elsewhere: tuple[Item, ...]
    pinned_lists: int | None
    unreadable: tuple[str, ...]


@dataclass
class _Found:
    folders: list[tuple[PurePosixPath, int]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def contents_of(settings: Settings, config: Path | None, *, has_query_log: bool) -> Contents:
    """Looks at the disk as it is now. Raises `OSError` where a directory cannot be read."""
    state_dir = settings.server.state_dir
    pinned = _pinned(state_dir)
    stored = _last_good(state_dir)
    found = _Found()
    _walk(state_dir, PurePosixPath(), found, lambda name: _is_left_out(name, pinned, stored, has_query_log))
    elsewhere, unreadable = _elsewhere(settings, config)
    return Contents(tuple(found.folders), tuple(found.items), elsewhere, pinned, (*found.unreadable, *unreadable))


def is_database(name: PurePosixPath) -> bool:
    """Whether it is one of SQLite's. By its name: a look into it would end the locks of this process on it."""
    return name.suffix == ".db"


def _walk(folder: Path, name: PurePosixPath, found: _Found, is_left_out: Any) -> None:
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        inner = name / entry.name
        if is_left_out(inner):
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            found.folders.append((inner, stat.S_IMODE(mode)))
            _walk(Path(entry.path), inner, found, is_left_out)
        elif stat.S_ISREG(mode):
            found.items.append(Item(inner, Path(entry.path), is_log=_is_log(inner)))
        elif not stat.S_ISSOCK(mode) and inner != _CURRENT:
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a directory"
            found.unreadable.append(f"{entry.path}: is {kind}")


def _is_log(name: PurePosixPath) -> bool:
    return any(name.is_relative_to(folder) for folder in LOG_FOLDERS)


def _is_left_out(name: PurePosixPath, pinned: int | None, stored: frozenset[str], has_query_log: bool) -> bool:
    last, whole = name.name, str(name)
    # Our own temporary files begin with a dot; locks and write-ahead logs belong to running processes.
    if last.startswith(".") or last == "lock" or last.endswith((".lock", "-wal", "-shm", "-journal")):
        return True
    if whole in ("crashes", "lists/work", "log/tmp", "backup/work", "monitor/status.json", "identity", RESTORED_FILES):
        return True
    if ".db.at-" in last or whole.startswith(ASIDE_PREFIX):
        return True
    if name.parent == PurePosixPath("lists") and last.endswith(".snapshot"):
        return last != f"{pinned}.snapshot"
    if name.parent == PurePosixPath("lists/store"):
        return last not in stored
    # The monitor's places in the log mean nothing beside another log, nor do the addresses that devices had.
    return (_is_log(name) or whole in ("monitor/positions.json", "monitor/devices.db")) and not has_query_log


def _pinned(state_dir: Path) -> int | None:
    """The serial that is held in force by a pin: what is stored would be compiled to something else."""
    if PinFile(state_dir).read() is None:
        return None
    store = SnapshotStore(state_dir)
    serial = store.current_serial()
    return serial if serial is not None and store.path(serial).is_file() else None


def _last_good(state_dir: Path) -> frozenset[str]:
    """The stored lists that the record of feeds names; all where it cannot be read, none where nothing was fetched."""
    folder = state_dir / "lists"
    try:
        if not (folder / "feeds.json").exists():
            return frozenset()
        return frozenset(one.decode() for one in _SHA256.findall((folder / "feeds.json").read_bytes()))
    except OSError:
        return frozenset(one.name for one in (folder / "store").glob("*"))


# -- files elsewhere ----------------------------------------------------------------------------------------------


def _elsewhere(settings: Settings, config: Path | None) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """The settings file and every file that it names outside the state directory: lists, zones, secrets."""
    items: dict[Path, Item] = {}
    unreadable: list[str] = []
    named = ([config.absolute()] if config is not None else []) + list(_paths(settings))
    for path in named:
        if path.is_relative_to(settings.server.state_dir.absolute()) or path == shipped_lists():
            continue
        try:
            # A pipe would be waited for.
            if path.exists() and not path.is_file():
                unreadable.append(f"{path}: is no file")
                continue
            with path.open("rb"):
                items[path] = Item(PurePosixPath(*path.parts[1:]), path)
        except OSError as error:
            unreadable.append(f"{path}: {error.strerror}")
    return tuple(items.values()), tuple(unreadable)


# Settings that name a directory or a socket.
_NO_FILES = {"state_dir", "control_socket", "operations_socket", "dir", "folder"}


def _paths(value: object) -> Iterator[Path]:
    if isinstance(value, BaseModel):
        for name in (one for one in type(value).model_fields if one not in _NO_FILES):
            yield from _paths(getattr(value, name))
    elif isinstance(value, Path):
        if value != Path():
            yield value.absolute()
    elif isinstance(value, dict):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from _paths(one)
