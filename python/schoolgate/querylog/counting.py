"""Sums: what comes most often, totals, rollups by the hour, and which of some names were asked for."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from schoolgate._core import registrable_domain
from schoolgate.querylog.conditions import conditions_of
from schoolgate.querylog.layout import CLASSES, Class, RowFile
from schoolgate.querylog.log_query import COUNTED, DENIALS, WITHHELD, BucketBy, Query, TopOf, microseconds
from schoolgate.querylog.read_files import Look
from schoolgate.querylog.relation import Files, files_of, whole

_DENIED = f"count(*) FILTER (WHERE action IN {DENIALS!r})"
_NAMELESS = f"('{COUNTED}', '{WITHHELD}')"
_COLUMN_OF: dict[TopOf, str] = {
    "names": "qname",
    "domains": "qname",
    "categories": "category",
    "clients": "client",
    "segments": "segment",
    "rules": "rule",
    "layers": "layer",
}
_FETCHED_AT_ONCE = 10_000
# What a rollup keeps of its rows, besides how many they are.
ROLLED_UP = ("hour", "segment", "action", "layer", "category", "source")
# One SELECT of a rollup's columns from rows.
ROLL_UP = (
    "SELECT date_trunc('hour', time AT TIME ZONE 'UTC') AS hour, segment, action, layer, category, source,"
    " count(*)::BIGINT AS rows FROM {relation} GROUP BY ALL"
)
_BUCKET: dict[BucketBy, str] = {
    "hour": "epoch_us(hour)",
    "day": "epoch_us(date_trunc('day', hour))",
    "segment": "segment",
    "action": "action",
    "layer": "layer",
    "category": "category",
    "source": "source",
}


def top(look: Look, what: TopOf, query: Query, clients: list[str], most: int) -> list[tuple[str, int, int]]:
    """(value, rows, denied), most rows first."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return []
    column = _COLUMN_OF[what]
    wanted = conditions_of(query, clients)
    if column == "qname":
        wanted.add(f"qname NOT IN {_NAMELESS}")
    else:
        wanted.add(f"{column} IS NOT NULL AND {column} <> ''")
    sql = f"SELECT {column}, count(*) AS n, {_DENIED} FROM {files.relation} WHERE {wanted.text} GROUP BY 1"
    values = [*files.values, *wanted.values]
    if what == "domains":
        return _domains(look, sql, values, most)
    return look.connection.execute(f"{sql} ORDER BY n DESC, 1 LIMIT ?", [*values, most]).fetchall()


def _domains(look: Look, sql: str, values: list[Any], most: int) -> list[tuple[str, int, int]]:
    """Names summed by registrable domain; a name that cannot be registered stands for itself."""
    rows: Counter[str] = Counter()
    denied: Counter[str] = Counter()
    for name, count, refused in _fetched(look, sql, values):
        domain = registrable_domain(name) or name
        rows[domain] += count
        denied[domain] += refused
    first = sorted(rows.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [(domain, count, denied[domain]) for domain, count in first]


def count(look: Look, query: Query, clients: list[str]) -> int:
    """Rows; the cheapest question there is."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return 0
    wanted = conditions_of(query, clients)
    sql = f"SELECT count(*) FROM {files.relation} WHERE {wanted.text}"
    found = look.connection.execute(sql, [*files.values, *wanted.values]).fetchone()
    return int(found[0]) if found is not None else 0


def clients_like(look: Look, beginning: str) -> list[str]:
    """Some clients whose text begins so: enough to see whether it is one."""
    files = whole(look.listing, look.unconverted, Query(), look.left_out)
    if not files.values:
        return []
    sql = f"SELECT DISTINCT client FROM {files.relation} WHERE starts_with(client, ?) ORDER BY 1 LIMIT 4"
    return [row[0] for row in look.connection.execute(sql, [*files.values, beginning]).fetchall()]


def totals(look: Look, query: Query, clients: list[str]) -> tuple[int, int, int, int]:
    """Rows, denied rows, clients, names."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return 0, 0, 0, 0
    wanted = conditions_of(query, clients)
    found = look.connection.execute(
        f"SELECT count(*), {_DENIED}, count(DISTINCT nullif(client, '')),"
        f" count(DISTINCT qname) FILTER (WHERE qname NOT IN {_NAMELESS})"
        f" FROM {files.relation} WHERE {wanted.text}",
        [*files.values, *wanted.values],
    ).fetchone()
    assert found is not None  # an aggregate has one row
    return found[0], found[1], found[2], found[3]


def by_hour(look: Look, query: Query, clients: list[str]) -> list[tuple[int, str, int, int, int]]:
    """(hour, action, rows, first, last) of matching rows in order; moments in microseconds."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return []
    wanted = conditions_of(query, clients)
    return look.connection.execute(
        "SELECT epoch_us(date_trunc('hour', time AT TIME ZONE 'UTC')), action, count(*), epoch_us(min(time)),"
        f" epoch_us(max(time)) FROM {files.relation} WHERE {wanted.text} GROUP BY 1, 2 ORDER BY 1, 2",
        [*files.values, *wanted.values],
    ).fetchall()


def rollup(
    look: Look, since: dt.datetime, until: dt.datetime, by: Sequence[BucketBy], segments: Sequence[str],
    own: Query | None = None,
) -> list[tuple[Any, ...]]:  # fmt: skip
    """(key..., rows) in the order of the key; hours and days in microseconds. `own`: rows that are not counted."""
    query = Query(since=since, until=until)
    rolled, rest = _rolled_and_rest(look, query)
    parts: list[str] = []
    values: list[Any] = []
    if rolled:
        columns = ", ".join((*ROLLED_UP, "rows"))
        parts.append(f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false)")
        values.append([str(path) for path in rolled])
    if rest.values:
        parts.append(ROLL_UP.format(relation=rest.relation))
        values += rest.values
    if not parts:
        return []
    if own is not None:
        made = conditions_of(own, ())
        every = whole(look.listing, look.unconverted, own, look.left_out)
        if every.values:
            of = f"(SELECT * FROM {every.relation} WHERE {made.text})"
            parts.append(ROLL_UP.format(relation=of).replace("count(*)::BIGINT", "-count(*)::BIGINT"))
            values += [*every.values, *made.values]
    keys = ", ".join(_BUCKET[one] for one in by)
    where = "epoch_us(hour) >= ? AND epoch_us(hour) < ?"
    values += [microseconds(since), microseconds(until)]
    if segments:
        where += f" AND segment IN ({', '.join('?' * len(segments))})"
        values += segments
    return look.connection.execute(
        f"SELECT {keys}, sum(rows)::BIGINT FROM ({' UNION ALL '.join(parts)}) WHERE {where}"
        " GROUP BY ALL HAVING sum(rows) > 0 ORDER BY ALL NULLS FIRST",
        values,
    ).fetchall()


def _rolled_and_rest(look: Look, query: Query) -> tuple[list[Any], Files]:
    """The rollups to use, and the files of rows that no rollup has counted."""
    wanted = {one for one in look.listing.rollups if _touches(one, query)} | set(look.listing.days)
    usable = {
        day: look.listing.rollups[day]
        for day in wanted & look.listing.rollups.keys()
        if look.listing.rollups[day] not in look.left_out
    }
    through = rolled_through(look.connection, usable.values())
    rolled: list[Any] = []
    pairs = list(look.unconverted)
    for day in sorted(wanted):
        if not _touches(day, query):
            continue
        files = look.listing.of(day)
        counted = through.get(str(usable[day])) if day in usable else None
        if counted is not None and not any(_straddles(file, counted) for file in files):
            rolled.append(usable[day])
            files = tuple(file for file in files if file.first > counted[file.class_])
        pairs += [(file.class_, file.path) for file in files]
    return rolled, files_of(pair for pair in pairs if pair[1] not in look.left_out)


def rolled_through(connection: Any, rollups: Collection[Any]) -> dict[str, dict[Class, int]]:
    """For each rollup, the last WAL number of each class that it has counted; -1 for none."""
    if not rollups:
        return {}
    found: dict[str, dict[Class, int]] = {}
    for file, key, value in connection.execute(
        "SELECT file_name, key, value FROM parquet_kv_metadata(?)", [[str(path) for path in rollups]]
    ).fetchall():
        name = next((one for one in CLASSES if one.encode() == key), None)
        if name is not None:
            found.setdefault(file, dict.fromkeys(CLASSES, -1))[name] = int(value)
    return found


def _straddles(file: RowFile, counted: dict[Class, int]) -> bool:
    """A file that holds counted rows and others: compaction has come further than the rollup."""
    return file.first <= counted[file.class_] < file.last


def _touches(day: dt.date, query: Query) -> bool:
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    assert query.since is not None and query.until is not None
    return start < query.until and query.since < start + dt.timedelta(days=1)


def names_asked(look: Look, names: Collection[str], query: Query) -> list[tuple[str, int, int]]:
    """(name, rows, time of the newest) of those that were asked for, or something below them; most rows first."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return []
    wanted, given = conditions_of(query, ()), frozenset(names)
    sql = (
        f"SELECT qname, count(*), epoch_us(max(time)) FROM {files.relation}"
        f" WHERE {wanted.text} AND qname NOT IN {_NAMELESS} GROUP BY 1"
    )
    rows: Counter[str] = Counter()
    newest: dict[str, int] = {}
    for qname, count, time_us in _fetched(look, sql, [*files.values, *wanted.values]):
        for name in _itself_and_above(qname):
            if name in given:
                rows[name] += count
                newest[name] = max(newest.get(name, 0), time_us)
    return sorted(((name, count, newest[name]) for name, count in rows.items()), key=lambda one: (-one[1], one[0]))


def _itself_and_above(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]


def _fetched(look: Look, sql: str, values: list[Any]) -> Iterator[tuple[Any, ...]]:
    result = look.connection.execute(sql, values)
    while batch := result.fetchmany(_FETCHED_AT_ONCE):
        yield from batch


def held(look: Look) -> list[tuple[str, int, int | None, int | None]]:
    """(class, rows, time of the oldest, time of the newest) of what the log holds."""
    files = whole(look.listing, look.unconverted, Query(), look.left_out)
    if not files.values:
        return []
    return look.connection.execute(
        f"SELECT class, count(*), epoch_us(min(time)), epoch_us(max(time)) FROM {files.relation} GROUP BY 1 ORDER BY 1",
        files.values,
    ).fetchall()
