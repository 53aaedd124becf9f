"""Which names each segment asked for, and how many devices: what a replay of a policy or of lists is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schoolgate.querylog.conditions import conditions_of
from schoolgate.querylog.log_query import COUNTED, WITHHELD, Query
from schoolgate.querylog.read_files import Look
from schoolgate.querylog.relation import whole

_NAMELESS = f"('{COUNTED}', '{WITHHELD}')"
_DEVICES = "count(DISTINCT nullif(client, ''))"


def names_by_segment(look: Look, query: Query, most: int) -> dict[str, Any]:
    """{"names": [[segment, name, rows, devices]], most rows first, "all": how many there are, "rows": of them all}.
    Rows without a name (counted only, withheld) are in none of these."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return {"names": [], "all": 0, "rows": 0}
    wanted = conditions_of(query, ())
    grouped = (
        f"SELECT segment, qname, count(*) AS n, {_DEVICES} AS devices FROM {files.relation}"
        f" WHERE {wanted.text} AND qname NOT IN {_NAMELESS} GROUP BY 1, 2"
    )
    found = look.connection.execute(
        f"SELECT segment, qname, n, devices, count(*) OVER (), sum(n) OVER ()::BIGINT FROM ({grouped})"
        " ORDER BY n DESC, 1, 2 LIMIT ?",
        [*files.values, *wanted.values, most],
    ).fetchall()
    all_, rows = found[0][4:] if found else (0, 0)
    return {"names": [row[:4] for row in found], "all": all_, "rows": rows}


def devices_asking(look: Look, names: Mapping[str, Sequence[str]], query: Query) -> dict[str, int]:
    """How many devices of each segment asked for any of its names."""
    files = whole(look.listing, look.unconverted, query, look.left_out)
    if not files.values:
        return {}
    found: dict[str, int] = {}
    for segment, wanted_names in names.items():
        wanted = conditions_of(query, ())
        row = look.connection.execute(
            f"SELECT {_DEVICES} FROM {files.relation}"
            f" WHERE {wanted.text} AND segment = ? AND qname IN (SELECT unnest(?::VARCHAR[]))",
            [*files.values, *wanted.values, segment, list(wanted_names)],
        ).fetchone()
        found[segment] = int(row[0]) if row is not None else 0
    return found
