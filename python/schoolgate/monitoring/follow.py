"""Follows the files of the query log as they grow, one class of rows each, from a saved position.

The log may not be there yet, may vanish, may be replaced, may be far ahead: none of these is an error. A file that is
there and cannot be read is never passed as if it were: what is passed may be removed. Nothing is written here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schoolgate._core import LogRow

CLASSES = ("safeguarding", "ordinary")
# An hour of files, which close each minute. Further behind, ordinary rows are passed over (and counted) so that what
# happens now is seen; rows that matter for safeguarding never are.
MOST_FILES_BEHIND = 60
_NAME = re.compile(r"(ordinary|safeguarding)-([0-9]{20})\.wal")


class ReadRows(Protocol):
    """`schoolgate._core.log_read`."""

    def __call__(self, path: str, offset: int, most: int) -> tuple[list[LogRow], int]: ...


@dataclass(frozen=True)
class Position:
    """Everything before octet `offset` of file `number` is read."""

    number: int = 0
    offset: int = 0


class Follower:
    """`step` returns the next rows. Blocking; used from one thread at a time."""

    def __init__(self, directory: Path, class_: str, read: ReadRows, position: Position) -> None:
        self._directory = directory
        self._class = class_
        self._read = read
        self.position = position
        self.is_at_end = True
        self.passed_over = 0
        # Files whose rest was damaged when the next was there already.
        self.damaged = 0
        self.problem: str | None = None
        self._octets = 0

    def step(self, most: int) -> list[LogRow]:
        """At most about `most` rows; none at the end of what is written, or while it cannot be read."""
        try:
            rows = self._step(most)
        except OSError as error:  # too many open files, a broken disk, rights: it stays where it is, and says so
            self.problem = f"{error.filename or self._directory}: {error.strerror or error}"
            self.is_at_end = False
            return []
        self.problem = None
        return rows

    def _step(self, most: int) -> list[LogRow]:
        numbers = self._numbers()
        self._go_to_what_is_there(numbers)
        while numbers:
            rows = self._rows(most)
            later = [number for number in numbers if number > self.position.number]
            self.is_at_end = not rows and not later
            if rows or not later:
                return rows
            # Nothing more here, and the next was there before we looked: this file is closed and read.
            self.damaged += self._octets > self.position.offset
            self.position = Position(later[0])
        self.is_at_end = True
        return []

    def _numbers(self) -> list[int]:
        try:
            names = [path.name for path in self._directory.iterdir()]
        except FileNotFoundError:  # not there yet, or taken away
            return []
        found = [match for name in names if (match := _NAME.fullmatch(name))]
        return sorted(int(match[2]) for match in found if match[1] == self._class)

    def _go_to_what_is_there(self, numbers: list[int]) -> None:
        if not numbers:
            return
        at = self.position.number
        if numbers[-1] < at or at == 0:
            # Numbers never fall: this is another log than the one we knew.
            self.position = Position(numbers[0])
        elif at not in numbers:
            self.position = Position(next(number for number in numbers if number > at))
        behind = [number for number in numbers if number > self.position.number]
        if self._class == "ordinary" and len(behind) > MOST_FILES_BEHIND:
            self.passed_over += len(behind) - MOST_FILES_BEHIND
            self.position = Position(behind[-MOST_FILES_BEHIND])

    def _rows(self, most: int) -> list[LogRow]:
        path = self._directory / f"{self._class}-{self.position.number:020}.wal"
        try:
            self._octets = path.stat().st_size
            offset = self.position.offset if self._octets >= self.position.offset else 0
            rows, end = self._read(str(path), offset, most)
        except FileNotFoundError:  # removed since we looked
            self._octets = 0
            return []
        self.position = Position(self.position.number, end)
        return rows
