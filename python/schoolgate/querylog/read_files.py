"""One look at the log that changes under it: files are listed, read, and listed again when maintenance took one away.

A damaged file is named and left out; the others are searched. Nothing here writes outside its scratch.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb

from schoolgate.querylog.layout import Class, Listing, LogFolder
from schoolgate.querylog.log_query import SearchFailed
from schoolgate.querylog.relation import trouble_with
from schoolgate.querylog.unconverted import Unconverted

Found = TypeVar("Found")
# Compaction takes a file away about once a minute; more than a few in a row is a defect, or a disk that fails.
MOST_TRIES = 8


@dataclass(frozen=True)
class Look:
    """The log as it is for one question."""

    connection: duckdb.DuckDBPyConnection
    listing: Listing
    unconverted: tuple[tuple[Class, Path], ...]
    left_out: frozenset[Path]


class Reader:
    """Answers questions about one log."""

    def __init__(self, folder: LogFolder, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self._folder = folder
        self._connection = connection
        self._unconverted = Unconverted(scratch)
        self._damaged: dict[Path, Stamp] = {}

    def ask(self, since: dt.datetime | None, question: Callable[[Look], Found]) -> tuple[Found, tuple[str, ...]]:
        """The answer, and what could not be read for it."""
        unopened: dict[Path, str] = {}  # for this question: what is mended is asked again at the next
        for _ in range(MOST_TRIES):
            try:
                look = self._look(since, unopened.keys())
                answer = question(look)
                return answer, (*(_told(one, unopened) for one in sorted(look.left_out)), *self._unconverted.problems)
            except FileNotFoundError:
                continue
            except (duckdb.InterruptException, duckdb.OutOfMemoryException):
                raise
            except duckdb.Error:
                if not self._explains(look, unopened):
                    raise
        raise SearchFailed("the log changes faster than it can be read; try again in a minute")

    def _look(self, since: dt.datetime | None, unopened: Collection[Path]) -> Look:
        listing = self._folder.list()
        unconverted = tuple(self._unconverted.of(listing.wals, since))
        there = {one.path for one in listing.files} | set(listing.rollups.values())
        damaged = {path for path, stamp in self._damaged.items() if path in there and stamp == _stamp(path)}
        return Look(self._connection, listing, unconverted, frozenset(damaged | (there & set(unopened))))

    def _explains(self, look: Look, unopened: dict[Path, str]) -> bool:
        """Whether trying again makes sense: a file went away, or those that cannot be read are known now."""
        rows, rollups = [one.path for one in look.listing.files], list(look.listing.rollups.values())
        if not all(path.exists() for path in (*rows, *rollups)):
            return True
        found = False
        for path in (path for path in (*rows, *rollups) if path not in look.left_out):
            stamp = _stamp(path)
            looked_at = (_OF_ROLLUP,) if path in rollups else ()
            error = trouble_with(self._connection, path, *looked_at)
            if isinstance(error, duckdb.IOException):
                unopened[path] = str(error).partition("\n")[0]
            elif error is not None and stamp is not None:
                self._damaged[path] = stamp
            found |= error is not None
        return found


Stamp = tuple[int, int, int]
_OF_ROLLUP = "sum(rows + hash(hour, segment, action, layer, category, source) % 2)"


def _stamp(path: Path) -> Stamp | None:
    """What differs once a file was restored."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def _told(path: Path, unopened: dict[Path, str]) -> str:
    if path in unopened:
        return f"{path}: cannot be opened and was left out ({unopened[path]}); look at its permissions and at the disk"
    return f"{path}: is damaged and was left out; restore it from a backup, or move it away"
