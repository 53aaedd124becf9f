"""What maintenance does to files of rows. Each makes a new file in the scratch and tells how many rows it holds; only
the keeper gives it its place. A file that cannot be read is named, and nothing is made.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from schoolgate.querylog.counting import ROLL_UP, rolled_through
from schoolgate.querylog.layout import CLASSES
from schoolgate.querylog.log_query import COLUMNS, PSEUDONYM
from schoolgate.querylog.relation import damaged, files_of

_COLUMNS = ", ".join(COLUMNS)
_FROM = "read_parquet(?, hive_partitioning = false)"
# A client's day lies in one or two groups, once rows are sorted by client.
ROW_GROUP_ROWS = 122_880
# The names of a group as a dictionary: `contains` then looks at each name once, and the file is smaller.
DICTIONARY_OCTETS = 4 << 20
_AS_PARQUET = (
    f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS},"
    f" STRING_DICTIONARY_PAGE_SIZE_LIMIT {DICTIONARY_OCTETS}"
)
_ORDERS = {"time": "time", "client": "client, time", "as before": ""}


def hours(connection: duckdb.DuckDBPyConnection, work: Path, files: list[str]) -> dict[str, Any]:
    """The hour of the first row of each file; None for an empty one."""
    found = [
        connection.execute(f"SELECT hour(min(time AT TIME ZONE 'UTC')) FROM {_FROM}", [[file]]).fetchone()
        for file in files
    ]
    return {"hours": [one[0] if one else None for one in found]}


def merge(connection: duckdb.DuckDBPyConnection, work: Path, files: list[str], order: str) -> dict[str, Any]:
    """One file of several. Its rows are counted against theirs."""
    expected = _count(connection, files)
    made = _write(connection, work, f"SELECT {_COLUMNS} FROM {_FROM} ORDER BY {_ORDERS[order]}", [files])
    if _count(connection, [made]) != expected:
        raise duckdb.DataError(f"{made} does not hold the {expected} rows of its sources")
    return {"made": made, "rows": expected}


def without(
    connection: duckdb.DuckDBPyConnection, work: Path, file: str, clients: list[str], until_us: int
) -> dict[str, Any]:
    """The file without a client's rows up to a moment; "made" is None where it holds none."""
    theirs = f"client IN ({', '.join('?' * len(clients))}) AND time <= make_timestamptz(?)"
    found = connection.execute(f"SELECT count(*) FROM {_FROM} WHERE {theirs}", [[file], *clients, until_us]).fetchone()
    removed = found[0] if found else 0
    if not removed:
        return {"made": None, "rows": 0}
    sql = f"SELECT {_COLUMNS} FROM {_FROM} WHERE NOT ({theirs})"
    made = _write(connection, work, sql, [[file], *clients, until_us])
    if _count(connection, [made]) + removed != _count(connection, [file]):
        raise duckdb.DataError(f"{made} does not hold the other rows of {file}")
    return {"made": made, "rows": removed}


def pseudonyms(
    connection: duckdb.DuckDBPyConnection, work: Path, file: str, since_us: int | None, until_us: int, most: int
) -> dict[str, Any]:
    """Clients of a file that are pseudonyms, each once, `most` at most."""
    since = "" if since_us is None else " AND time >= make_timestamptz(?)"
    values = [PSEUDONYM, until_us, *([] if since_us is None else [since_us])]
    sql = f"SELECT DISTINCT client FROM {_FROM} WHERE starts_with(client, ?) AND time <= make_timestamptz(?){since}"
    found = connection.execute(f"{sql} LIMIT ?", [[file], *values, most]).fetchall()
    return {"clients": [client for (client,) in found]}


def roll_up(
    connection: duckdb.DuckDBPyConnection, work: Path, files: list[list[str]], through: dict[str, int]
) -> dict[str, Any]:
    """Counts of a day's rows by the hour. `files`: (class, path); `through`: the last WAL number of each class."""
    pairs = files_of((name, Path(path)) for class_, path in files for name in CLASSES if name == class_)
    metadata = ", ".join(f"{name}: '{int(through[name])}'" for name in CLASSES)
    sql = f"{ROLL_UP.format(relation=pairs.relation)} ORDER BY ALL NULLS FIRST"
    made = _write(connection, work, sql, pairs.values, f", KV_METADATA {{{metadata}}}")
    return {"made": made, "rows": _count(connection, [made])}


def rolled(connection: duckdb.DuckDBPyConnection, work: Path, files: list[str]) -> dict[str, Any]:
    """For each rollup that can be read, the last WAL number of each class in it. A damaged one is made anew; what
    cannot be opened may be whole, and is returned: {path: why}."""
    found: dict[str, Any] = {}
    unopened: dict[str, str] = {}
    for file in files:
        try:
            found |= rolled_through(connection, [file])
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.IOException as error:
            unopened[file] = str(error).partition("\n")[0]
        except duckdb.Error:
            continue
    return {"through": found, "unopened": unopened}


def count(connection: duckdb.DuckDBPyConnection, work: Path, files: list[str]) -> dict[str, Any]:
    """Rows in files; None where one cannot be read."""
    try:
        return {"rows": _count(connection, files)}
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        return {"rows": None}


Rewrite = Callable[..., dict[str, Any]]


def _or_damaged(rewrite: Rewrite) -> Rewrite:
    """What failed because a source is damaged answers {"damaged": [paths]}; those are found by reading them whole."""

    def tried(connection: duckdb.DuckDBPyConnection, work: Path, **what: Any) -> dict[str, Any]:
        try:
            return rewrite(connection, work, **what)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException):
            raise
        except duckdb.Error:
            found = damaged(connection, _sources(what))
            if not found:
                raise
            return {"damaged": sorted(map(str, found))}

    return tried


def _sources(what: dict[str, Any]) -> list[Path]:
    """The files among the arguments of a rewrite."""
    files = what.get("files") or [what["file"]]
    return [Path(one if isinstance(one, str) else one[1]) for one in files]


REWRITES: dict[str, Rewrite] = {
    "hours": _or_damaged(hours),
    "merge": _or_damaged(merge),
    "without": _or_damaged(without),
    "pseudonyms": _or_damaged(pseudonyms),
    "roll_up": _or_damaged(roll_up),
    "rolled": rolled,
    "count": count,
}


def _write(connection: duckdb.DuckDBPyConnection, work: Path, sql: str, values: Sequence[Any], more: str = "") -> str:
    made = str(work / f"{secrets.token_hex(8)}.parquet")
    connection.execute(f"COPY ({sql}) TO ? {_AS_PARQUET}{more})", [*values, made])
    return made


def _count(connection: duckdb.DuckDBPyConnection, files: list[str]) -> int:
    found = connection.execute(f"SELECT count(*) FROM {_FROM}", [files]).fetchone() if files else None
    return found[0] if found else 0
