"""A query log as the server and its maintenance leave it, written without them: rows a test makes up, as Parquet."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from schoolgate._core import LogRow, log_read, log_write_sample
from schoolgate.querylog import Query, QueryLog
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.log_query import COLUMNS, Row, microseconds, row_of, row_of_log

DAY = dt.date(2026, 11, 17)
NOON = dt.datetime(2026, 11, 17, 12, tzinfo=dt.UTC)
_TYPES = [
    "TIMESTAMPTZ",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
    "BIGINT",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
    "INTEGER",
    "INTEGER",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
    "BIGINT",
    "VARCHAR",
    "INTEGER",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
]
PLAIN = Row(
    NOON, "192.0.2.10", "pupils", "pupil", 7, "udp", "www.example.org", None, 1, 0, "allow", "allow", None, None, 41,
    "cache", 90, None, None, None, "ordinary",
)  # fmt: skip


def row(**changed: object) -> Row:
    """An ordinary row, with these fields changed."""
    return replace(PLAIN, **changed)  # type: ignore[arg-type]


def values_of(one: Row) -> tuple[object, ...]:
    """The values of a row in the order of the columns: time in microseconds, no class."""
    return (microseconds(one.time), *(getattr(one, column) for column in COLUMNS[1:]))


def log_row(one: Row) -> LogRow:
    """A row as the reader of write-ahead files gives it."""
    values: tuple[Any, ...] = values_of(one)
    return LogRow(*values)


def write_rows(state_dir: Path, name: str, rows: Iterable[Row], order: str = "time") -> list[Path]:
    """Writes files of this name, one for each day and class of the rows."""
    groups: dict[tuple[dt.date, str], list[Row]] = {}
    for one in rows:
        groups.setdefault((one.time.date(), one.class_), []).append(one)
    made = []
    for (day, class_), some in groups.items():
        folder = state_dir / "log" / "rows" / f"day={day}" / f"class={class_}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made.append(folder / f"{name}.parquet")
        write_parquet(made[-1], some, order)
    return made


def write_parquet(path: Path, rows: Iterable[Row], order: str = "time") -> None:
    """One file of rows, in the columns and types of the log."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in zip(COLUMNS, _TYPES, strict=True))
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE made ({columns})")
        marks = ", ".join(["make_timestamptz(?)", *"?" * (len(COLUMNS) - 1)])
        for one in rows:
            connection.execute(f"INSERT INTO made VALUES ({marks})", values_of(one))
        connection.execute(f"COPY (SELECT * FROM made ORDER BY {order}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def wal(number: int) -> str:
    """The name of the file made of one WAL."""
    return f"wal-{number:020}"


def write_wals(
    state_dir: Path, rows: Iterable[Row], each: int = 10, open_rows: Iterable[Row] = (), first: int = 1
) -> None:
    """Write-ahead files as the server leaves them: closed ones with `each` rows, and an open one of each class."""
    folder = state_dir / "log" / "wal"
    for class_ in ("ordinary", "safeguarding"):
        some = [one for one in rows if one.class_ == class_]
        parts = [some[at : at + each] for at in range(0, len(some), each)]
        parts.append([one for one in open_rows if one.class_ == class_])
        for number, part in enumerate(parts, first):
            log_write_sample(folder, class_, number, [log_row(one) for one in part])


def all_rows(state_dir: Path) -> list[Row]:
    """Every row a search finds, page by page."""
    found: list[Row] = []
    with QueryLog(state_dir) as log:
        cursor = None
        while True:
            page = log.search(Query(), most=1000, after=cursor)
            assert not page.problems
            found += page.rows
            cursor = page.cursor
            if cursor is None:
                return found


def counted_rows(state_dir: Path) -> list[Row]:
    """Every row of the files that count, without the search: for tests that look very often."""
    listing = LogFolder(state_dir / "log").list()
    found = [row_of_log(one, wal.class_) for wal in listing.wals for one in log_read(wal.path, 0, 1_000_000)[0]]
    columns = ", ".join(("epoch_us(time)", *COLUMNS[1:]))
    with duckdb.connect() as connection:
        for file in listing.files:
            sql = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false)"
            rows = connection.execute(sql, [[str(file.path)]]).fetchall()
            found += (row_of(values, file.class_) for values in rows)
    return found


def same(found: Iterable[Row], expected: Iterable[Row]) -> bool:
    """Whether these are the same rows, each as often."""
    return Counter(found) == Counter(expected)
