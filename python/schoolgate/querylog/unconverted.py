"""Rows that are still in write-ahead files: the last minute, or more where no process maintains the log.

They are turned into Parquet in the reader's scratch, so that a search sees a query two seconds after it was asked. The
files themselves are only read: the server owns them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from schoolgate._core import log_to_parquet
from schoolgate.querylog.layout import Class, Wal

# A file was written to last when its newest row was, unless the clock was set in between.
CLOCK_MARGIN = dt.timedelta(hours=2)


class Unconverted:
    """Parquet copies of WAL files, made anew when a file has grown."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._made: dict[Path, tuple[int, tuple[Path, ...]]] = {}
        self.problems: list[str] = []

    def of(self, wals: Iterable[Wal], since: dt.datetime | None) -> Iterator[tuple[Class, Path]]:
        """Files with the rows of these, those from before `since` left out. `FileNotFoundError`: one was converted."""
        wals = tuple(wals)
        self.problems = []
        self._forget({wal.path for wal in wals})
        for wal in wals:
            found = wal.path.stat()
            if found.st_size and not _is_older(found.st_mtime, since):
                yield from ((wal.class_, path) for path in self._tried(wal, found.st_size))

    def _tried(self, wal: Wal, size: int) -> tuple[Path, ...]:
        """A file that cannot be copied, for want of space or whatever, does not hide the others."""
        try:
            return self._copy(wal, size)
        except FileNotFoundError:
            raise
        except OSError as error:
            self.problems.append(
                f"{wal.path}: its rows, mostly of the last minute, cannot be read: {error.strerror or error}"
            )
            return ()

    def _copy(self, wal: Wal, size: int) -> tuple[Path, ...]:
        known = self._made.get(wal.path)
        if known is None or known[0] != size:
            place = self._scratch / f"{wal.path.name}.{size}"
            place.mkdir(exist_ok=True)
            report = orjson.loads(log_to_parquet(str(wal.path), str(place)))
            self._forget({*self._made} - {wal.path})
            known = self._made[wal.path] = (size, tuple(map(Path, report["files"])))
        return known[1]

    def _forget(self, there: set[Path]) -> None:
        for path in self._made.keys() - there:
            for made in self._made.pop(path)[1]:
                made.unlink(missing_ok=True)


def _is_older(written: float, since: dt.datetime | None) -> bool:
    return since is not None and dt.datetime.fromtimestamp(written, dt.UTC) + CLOCK_MARGIN < since
