"""The snapshots on disk: `<serial>.snapshot`, the newest few kept, and `current`, a link to the one to use.

A file gets its name here only after it was proved, so each of them may be fallen back to.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from schoolgate._core import Snapshot, SnapshotCorrupt
from schoolgate.errors import SchoolgateError
from schoolgate.storage.atomic_file import sync_directory

# Old serials are the way back when new lists turn out wrong or a file is damaged.
KEPT = 5
_NAME = re.compile(r"([0-9]{1,18})\.snapshot")


class NoUsableSnapshot(SchoolgateError):
    """No snapshot on disk can be used. A filter without lists would be open, so there is no start without one."""


@dataclass(frozen=True)
class Opened:
    """A snapshot in use. `problems` says which better ones could not be used, and why; `instead_of` is the current one
    if it is among them."""

    snapshot: Snapshot
    path: Path
    built_at: dt.datetime
    problems: tuple[str, ...] = ()
    instead_of: int | None = None


class SnapshotStore:
    """The snapshots of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "lists"
        self.work = self.folder / "work"
        self.current = self.folder / "current"
        self.lock: int | None = None

    def serials(self) -> tuple[int, ...]:
        """The serials on disk, newest first."""
        with contextlib.suppress(FileNotFoundError):
            found = (_NAME.fullmatch(entry.name) for entry in os.scandir(self.folder))
            return tuple(sorted((int(one[1]) for one in found if one), reverse=True))
        return ()

    def current_serial(self) -> int | None:
        """The serial that `current` points to, whether or not that file can be used."""
        try:
            found = _NAME.fullmatch(self.current.readlink().name)
        except OSError:
            return None
        return int(found[1]) if found else None

    def path(self, serial: int) -> Path:
        return self.folder / f"{serial}.snapshot"

    def next_serial(self) -> int:
        """Above every serial on disk."""
        return max((0, self.current_serial() or 0, *self.serials())) + 1

    def open_current(self) -> Opened:
        """The current snapshot and no other. Raises `SnapshotCorrupt` or `NoUsableSnapshot`."""
        serial = self.current_serial()
        if serial is None:
            raise NoUsableSnapshot(f"{self.current}: no lists are built yet; run `schoolgate lists build`")
        return self._open(serial)

    def open_best(self) -> Opened:
        """The current snapshot, else the newest that can be used. Raises `NoUsableSnapshot` with every reason."""
        current = self.current_serial()
        order = dict.fromkeys((*(() if current is None else (current,)), *self.serials()))
        problems: list[str] = []
        for serial in order:
            try:
                opened = self._open(serial)
            except SnapshotCorrupt as error:
                problems.append(str(error))
                continue
            return replace(opened, problems=tuple(problems), instead_of=current if problems else None)
        problems = problems or [f"{self.folder}: no lists are built yet; run `schoolgate lists build`"]
        raise NoUsableSnapshot("\n".join(problems))

    def _open(self, serial: int) -> Opened:
        path = self.path(serial)
        snapshot = Snapshot.open(str(path))
        try:
            built_at = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        except OSError:  # removed since; what was read is whole
            built_at = dt.datetime.now(dt.UTC)
        return Opened(snapshot, path, built_at)

    @contextmanager
    def building(self) -> Iterator[None]:
        """One build at a time; a second waits for the first. `lock` is the descriptor that says so to the kernel."""
        self.work.mkdir(parents=True, exist_ok=True, mode=0o750)
        with (self.folder / "build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left_over in self.work.iterdir():  # of a build that was killed
                left_over.unlink()
            self.lock = lock.fileno()
            try:
                yield
            finally:
                self.lock = None

    def publish(self, proved: Path, serial: int) -> Path:
        """Gives a proved file its name and points `current` to it; both survive a power cut, in this order."""
        path = self.path(serial)
        proved.replace(path)
        sync_directory(self.folder)
        self._point_to(path.name)
        self._prune()
        return path

    def point_to(self, serial: int) -> None:
        """Makes a kept snapshot the current one again."""
        self._point_to(self.path(serial).name)

    def _point_to(self, name: str) -> None:
        link = self.work / "current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        link.replace(self.current)
        sync_directory(self.folder)

    def _prune(self) -> None:
        keep = {*self.serials()[:KEPT], self.current_serial()}
        for serial in self.serials():
            if serial not in keep:
                self.path(serial).unlink(missing_ok=True)
