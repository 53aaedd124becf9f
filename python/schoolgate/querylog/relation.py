"""The rows of some files as one relation, and the files a question needs at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schoolgate.querylog.layout import CLASSES, Class, Listing
from schoolgate.querylog.log_query import COLUMNS, Query, microseconds

_COLUMNS = ", ".join(COLUMNS)
_EVERYTHING = f"bit_xor(hash({_COLUMNS}))"
# The class is a directory, not a column; DuckDB must not make columns of the directory names.
_FROM_FILES = "SELECT {columns}, '{class_}' AS class FROM read_parquet(?, hive_partitioning = false)"


@dataclass(frozen=True)
class Files:
    """Parquet files by class."""

    by_class: tuple[tuple[Class, tuple[Path, ...]], ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for _, paths in self.by_class for path in paths)

    @property
    def relation(self) -> str:
        """SQL of all rows with their class; its parameters are `values`."""
        parts = [_FROM_FILES.format(columns=_COLUMNS, class_=class_) for class_, paths in self.by_class if paths]
        return f"({' UNION ALL '.join(parts)})"

    @property
    def values(self) -> list[list[str]]:
        return [list(map(str, paths)) for _, paths in self.by_class if paths]


def files_of(pairs: Iterable[tuple[Class, Path]]) -> Files:
    pairs = tuple(pairs)
    return Files(tuple((name, tuple(path for class_, path in pairs if class_ == name)) for name in CLASSES))


@dataclass(frozen=True)
class Span:
    """Some days' files and the times they may hold: from `low` (inclusive) to `high` (exclusive), in microseconds."""

    low: int | None
    high: int | None
    files: Files


def spans(
    listing: Listing, unconverted: Sequence[tuple[Class, Path]], query: Query, left_out: frozenset[Path]
) -> Iterator[Span]:
    """The whole time of a query, newest first: one day, then two, four, eight ... What people look for is mostly
    recent, and a year in single days would take a second just to open. Rows of no converted file may be of any time."""
    days = [day for day in reversed(listing.days) if _may_hold(day, query)]
    high: int | None = None
    most = 1
    while days or high is None:
        now, days = days[:most], days[most:]
        low = _midnight_us(now[-1]) if now and days else None
        pairs = [(one.class_, one.path) for one in listing.files if one.day in now] + list(unconverted)
        wanted = [pair for pair in pairs if query.class_ in (None, pair[0]) and pair[1] not in left_out]
        if wanted:
            yield Span(low, high, files_of(wanted))
        if low is None:
            return
        high, most = low, most * 2


def whole(
    listing: Listing, unconverted: Sequence[tuple[Class, Path]], query: Query, left_out: frozenset[Path]
) -> Files:
    """All files of a query's time."""
    pairs = [(one.class_, one.path) for one in listing.files if _may_hold(one.day, query)] + list(unconverted)
    return files_of(pair for pair in pairs if query.class_ in (None, pair[0]) and pair[1] not in left_out)


def trouble_with(
    connection: duckdb.DuckDBPyConnection, path: Path, looked_at: str = _EVERYTHING
) -> duckdb.Error | None:
    """Why a file cannot be read, every column of every row: `duckdb.IOException` where the disk or the permissions are
    to blame, any other error where the file is damaged."""
    try:
        connection.execute(
            f"SELECT {looked_at} FROM read_parquet(?, hive_partitioning = false)", [[str(path)]]
        ).fetchall()
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error as error:
        return error if path.exists() else None  # maintenance took it away meanwhile
    return None


def damaged(connection: duckdb.DuckDBPyConnection, paths: Iterable[Path]) -> list[Path]:
    """Those that are damaged. What cannot be opened may be whole: it is none of them."""
    found = ((path, trouble_with(connection, path)) for path in paths if path.exists())
    return [path for path, error in found if error is not None and not isinstance(error, duckdb.IOException)]


def _may_hold(day: dt.date, query: Query) -> bool:
    start = _midnight_us(day)
    if query.since is not None and start + _DAY_US <= microseconds(query.since):
        return False
    return query.until is None or start < microseconds(query.until)


_DAY_US = 86_400 * 1_000_000


def _midnight_us(day: dt.date) -> int:
    return microseconds(dt.datetime.combine(day, dt.time(), dt.UTC))
