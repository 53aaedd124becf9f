"""How the query log lies on the disk, and which of its files count at this moment.

    <state_dir>/log/wal/CLASS-NUMBER.wal                        written by the server; the highest number is open
    <state_dir>/log/rows/day=YYYY-MM-DD/class=CLASS/*.parquet   wal-NUMBER, hour-HH-FIRST-LAST, day-FIRST-LAST
    <state_dir>/log/rollups/day=YYYY-MM-DD.parquet              rows counted by the hour

A row counts once, whatever was killed in the middle of what: as long as a WAL file is there, it counts and Parquet made
of it does not; a file whose numbers lie within those of a wider one does not count either. So deleting the WAL is the
one step that hands its rows over, and renaming the wide file into place the one step of compaction.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal

Class = Literal["ordinary", "safeguarding"]
CLASSES: tuple[Class, ...] = ("ordinary", "safeguarding")
Kind = Literal["wal", "hour", "day"]
_RANK: dict[str, int] = {"wal": 0, "hour": 1, "day": 2}

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_WAL = re.compile(r"(ordinary|safeguarding)-(\d{20})\.wal")
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})(\.parquet)?")
_ROWS = re.compile(r"wal-(\d{20})(?:-\w+)?\.parquet|(hour-\d{2}|day)-(\d{20})-(\d{20})\.parquet")
# What cannot be read is put aside under this ending: it counts no more, and only a person deletes it.
DAMAGED = ".damaged"


@dataclass(frozen=True, order=True)
class Wal:
    """One write-ahead file of the server."""

    class_: Class
    number: int
    path: Path


@dataclass(frozen=True)
class RowFile:
    """One Parquet file of rows, and the WAL numbers it was made of."""

    path: Path
    day: dt.date
    class_: Class
    kind: Kind
    first: int
    last: int

    def covers(self, other: RowFile) -> bool:
        """Whether what is in `other` is in here too. Both lie in one directory."""
        if other is self or not self.first <= other.first <= other.last <= self.last:
            return False
        is_wider = (self.first, self.last) != (other.first, other.last)
        return _RANK[self.kind] > _RANK[other.kind] or (self.kind == other.kind != "wal" and is_wider)


@dataclass(frozen=True)
class Listing:
    """The log at one moment."""

    wals: tuple[Wal, ...]
    files: tuple[RowFile, ...]  # those that count
    covered: tuple[RowFile, ...]  # those a wider one stands for
    rollups: dict[dt.date, Path]
    aside: tuple[RowFile, ...] = ()  # those put aside as damaged; a person may bring them back

    @cached_property
    def closed(self) -> tuple[Wal, ...]:
        """WAL files the server is done with, in order: all but the highest of each class."""
        highest = self.highest
        return tuple(wal for wal in self.wals if wal.number < highest[wal.class_])

    @cached_property
    def highest(self) -> dict[Class, int]:
        """The number of each class that is being written; -1 where there is none."""
        return {name: max((wal.number for wal in self.wals if wal.class_ == name), default=-1) for name in CLASSES}

    @cached_property
    def days(self) -> tuple[dt.date, ...]:
        """Days with rows, oldest first."""
        return tuple(sorted({file.day for file in self.files}))

    def neighbours(self, day: dt.date, class_: Class) -> Iterator[tuple[RowFile, ...]]:
        """The files of a day between which no number is missing: a WAL that waits, or a file that was put aside. A
        range over such a number would stand for rows that are not in it."""
        missing = {wal.number for wal in self.wals if wal.class_ == class_}
        missing |= {file.first for file in self.aside if (file.day, file.class_) == (day, class_)}
        in_order = sorted(missing)
        for _, run in groupby(self.of(day, class_), key=lambda file: bisect(in_order, file.first)):
            yield tuple(run)

    def of(self, day: dt.date, class_: Class | None = None) -> tuple[RowFile, ...]:
        """The files of a day, in the order they were written."""
        return tuple(file for file in self.files if file.day == day and class_ in (None, file.class_))


class LogFolder:
    """The query log of one state directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wal = folder / "wal"
        self.rows = folder / "rows"
        self.rollups = folder / "rollups"
        self.scratch = folder / "tmp"
        self.erasures = folder / "erasures.jsonl"
        self.reveals = folder / "reveals.jsonl"
        self.erasing = folder / "erasing.json"
        self.clock = folder / "clock.json"

    def list(self) -> Listing:
        """What is there now; nothing where the server never wrote a log."""
        if not self.folder.is_dir():
            return Listing((), (), (), {})
        with self.held_still():
            wals = tuple(sorted(self._wals()))
            found = tuple(self._row_files())
            aside = tuple(self._row_files(DAMAGED))
            rollups = dict(self._rollups())
        waiting = {(wal.class_, wal.number) for wal in wals}
        handed_over = [one for one in found if one.kind != "wal" or (one.class_, one.first) not in waiting]
        counted, covered = _counted(handed_over)
        return Listing(wals, counted, covered, rollups, aside)

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """While held, no file that counts is replaced or deleted. Held for a look, never for a search."""
        with _locked(self.folder / "lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Held while files change places, so that no reader sees a row twice or not at all."""
        with _locked(self.folder / "lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def maintained(self) -> Iterator[None]:
        """Held by the one process that maintains the log. Raises `BlockingIOError` when another does."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        with _locked(self.folder / "maintenance.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield

    def put_aside(self) -> Iterator[Path]:
        """Damaged files, whole or in part: rows in them are not found, and are there all the same."""
        yield from self.rows.rglob(f"*{DAMAGED}")
        yield from self.wal.glob(f"*{DAMAGED}")

    def day_folder(self, day: dt.date, class_: Class) -> Path:
        return self.rows / f"day={day}" / f"class={class_}"

    def rollup(self, day: dt.date) -> Path:
        return self.rollups / f"day={day}.parquet"

    def compacted(self, files: Iterable[RowFile], hour: int | None) -> Path:
        """Where these files of one day and class become one."""
        files = tuple(files)
        kind = "day" if hour is None else f"hour-{hour:02}"
        first, last = min(file.first for file in files), max(file.last for file in files)
        return self.day_folder(files[0].day, files[0].class_) / f"{kind}-{first:020}-{last:020}.parquet"

    def _wals(self) -> Iterator[Wal]:
        for name in _names(self.wal):
            if match := _WAL.fullmatch(name):
                yield Wal(_class(match[1]), int(match[2]), self.wal / name)

    def _row_files(self, ending: str = "") -> Iterator[RowFile]:
        for folder in _names(self.rows):
            match = _DAY.fullmatch(folder)
            day = _date(match[1]) if match else None
            for class_ in CLASSES if day is not None else ():
                inside = self.rows / folder / f"class={class_}"
                names = [name for name in _names(inside) if name.endswith(ending)]
                yield from (file for name in names if (file := _row_file(inside / name, day, class_, ending)))

    def _rollups(self) -> Iterator[tuple[dt.date, Path]]:
        for name in _names(self.rollups):
            if (match := _DAY.fullmatch(name)) and match[2] and (day := _date(match[1])):
                yield day, self.rollups / name


def put_in_place(made: Path, place: Path) -> None:
    """Gives a finished file its name: on disk before it has it, and the name on disk after."""
    with made.open("rb+") as opened:
        os.fchmod(opened.fileno(), FILE_MODE)
        os.fsync(opened.fileno())
    for folder in (place.parent.parent, place.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    made.replace(place)
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Puts names that came and went on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _counted(found: list[RowFile]) -> tuple[tuple[RowFile, ...], tuple[RowFile, ...]]:
    """Those that count, in the order they were written, and those a wider one stands for."""
    beside: dict[Path, list[RowFile]] = {}
    for file in found:
        beside.setdefault(file.path.parent, []).append(file)
    counted: list[RowFile] = []
    covered: list[RowFile] = []
    for files in beside.values():
        wide = [file for file in files if file.kind != "wal"]
        for file in files:
            (covered if any(one.covers(file) for one in wide) else counted).append(file)
    return tuple(sorted(counted, key=lambda file: (file.day, file.class_, file.first))), tuple(covered)


def _row_file(path: Path, day: dt.date | None, class_: Class, ending: str) -> RowFile | None:
    match = _ROWS.fullmatch(path.name.removesuffix(ending))
    if match is None or day is None:
        return None
    if match[1]:
        return RowFile(path, day, class_, "wal", int(match[1]), int(match[1]))
    return RowFile(path, day, class_, "day" if match[2] == "day" else "hour", int(match[3]), int(match[4]))


def _class(name: str) -> Class:
    return "safeguarding" if name == "safeguarding" else "ordinary"


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _names(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(entry.name for entry in os.scandir(folder))
    return []


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
