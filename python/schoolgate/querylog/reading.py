"""One look at the log that changes under it: files are listed, read, and listed again when maintenance took one away.

A damaged file is named and left out; the others are searched. Nothing here writes outside its scratch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb

from schoolgate.querylog.layout import Class, Listing, LogFolder
from schoolgate.querylog.query import SearchFailed
from schoolgate.querylog.relation import unreadable
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
        self._damaged: frozenset[Path] = frozenset()

    def ask(self, since: dt.datetime | None, question: Callable[[Look], Found]) -> tuple[Found, tuple[str, ...]]:
        """The answer, and what could not be read for it."""
        for _ in range(MOST_TRIES):
            try:
                look = self._look(since)
                return question(look), (*map(_damaged, sorted(look.left_out)), *self._unconverted.problems)
            except FileNotFoundError:
                continue
            except (duckdb.InterruptException, duckdb.OutOfMemoryException):
                raise
            except duckdb.Error as error:
                if not self._explains(look, error):
                    raise
        raise SearchFailed("the log changes faster than it can be read; try again in a minute")

    def _look(self, since: dt.datetime | None) -> Look:
        listing = self._folder.list()
        unconverted = tuple(self._unconverted.of(listing.wals, since))
        there = {one.path for one in listing.files} | set(listing.rollups.values())
        return Look(self._connection, listing, unconverted, self._damaged & there)

    def _explains(self, look: Look, error: duckdb.Error) -> bool:
        """Whether trying again makes sense: a file went away, or the damaged ones are known now."""
        paths = [one.path for one in look.listing.files if one.path not in look.left_out]
        if not all(path.exists() for path in (*paths, *look.listing.rollups.values())):
            return True
        found = unreadable(self._connection, paths)
        rollups = frozenset(
            path for path in look.listing.rollups.values() if path not in look.left_out and not _opens(look, path)
        )
        self._damaged |= found | rollups
        return bool(found | rollups)


def _opens(look: Look, rollup: Path) -> bool:
    try:
        look.connection.execute(
            "SELECT sum(rows + hash(hour, segment, action, layer, category, source) % 2)"
            " FROM read_parquet(?, hive_partitioning = false)",
            [[str(rollup)]],
        ).fetchall()
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        return False
    return True


def _damaged(path: Path) -> str:
    return f"{path}: is damaged and was left out; restore it from a backup, or move it away"
