"""Rows that match, newest first, a page at a time.

A page goes on where the last one ended even while rows arrive and files are compacted: the place in the log is a row's
time, a hash of the whole row, and how many exactly equal rows were shown. Rows that are equal in everything
(counted ones often are) need no order among themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from schoolgate.querylog.conditions import Conditions, conditions_of
from schoolgate.querylog.log_query import COLUMNS, BadCursor, Query, moment_of
from schoolgate.querylog.read_files import Look
from schoolgate.querylog.relation import Span, spans

_KEY = f"hash({', '.join(COLUMNS)}, class)"
_SELECTED = ", ".join(("epoch_us(time) AS time_us", *COLUMNS[1:], "class", f"{_KEY} AS key"))
_CURSOR = re.compile(r"(\d{1,17})\.([0-9a-f]{1,16})\.(\d{1,12})")


@dataclass(frozen=True)
class Place:
    """Where a page ended."""

    time_us: int
    key: int
    shown: int

    def __str__(self) -> str:
        return f"{self.time_us}.{self.key:x}.{self.shown}"


def place_of(cursor: str) -> Place:
    """Raises `BadCursor`."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadCursor("that is no place in the log; use the cursor that the page before gave")
    return Place(int(match[1]), int(match[2], 16), int(match[3]))


def search(look: Look, query: Query, clients: list[str], most: int, after: str | None) -> dict[str, Any]:
    """{"rows": [[...the columns, class], ...], "cursor": str | None}."""
    start = None if after is None else place_of(after)
    if start is not None:
        query = _until(query, start)
    found: list[tuple[Any, ...]] = []
    for span in spans(look.listing, look.unconverted, query, look.left_out):
        # The place lies in the first span. One row more than a page: is there another page?
        place = start if span.high is None else None
        found += _newest(look, span, _within(span, conditions_of(query, clients)), place, most + 1 - len(found))
        if len(found) > most:
            break
    shown = found[:most]
    return {
        "rows": [row[:-1] for row in shown],
        "cursor": str(_end(shown, start)) if len(found) > most else None,
    }


def _until(query: Query, start: Place) -> Query:
    """The query without what is newer than a place."""
    end = moment_of(start.time_us + 1)
    return replace(query, until=end if query.until is None else min(end, query.until))


def _within(span: Span, wanted: Conditions) -> Conditions:
    if span.low is not None:
        wanted.add("time >= make_timestamptz(?)", span.low)
    if span.high is not None:
        wanted.add("time < make_timestamptz(?)", span.high)
    return wanted


def _newest(look: Look, span: Span, wanted: Conditions, start: Place | None, most: int) -> list[tuple[Any, ...]]:
    """The first `most` rows after a place. The hash is computed only for rows that may be among them."""
    relation, files = span.files.relation, span.files.values
    text, values = wanted.text, wanted.values
    oldest = _oldest_needed(look, span, text, values, start, most)
    if oldest is None:
        return []
    keyed = f"SELECT {_SELECTED} FROM {relation} WHERE {text} AND time >= make_timestamptz(?)"
    after, after_values, skipped = "true", [], 0
    if start is not None:
        after = "(time_us < ? OR (time_us = ? AND key <= ?))"
        after_values, skipped = [start.time_us, start.time_us, start.key], start.shown
    return look.connection.execute(
        f"SELECT * FROM ({keyed}) WHERE {after} ORDER BY time_us DESC, key DESC LIMIT ? OFFSET ?",
        [*files, *values, oldest, *after_values, most, skipped],
    ).fetchall()


def _oldest_needed(look: Look, span: Span, text: str, values: list[Any], start: Place | None, most: int) -> int | None:
    """The time of the last row that can be on the page; None where there is none. Rows at the very time of the place
    come on top of `most`."""
    if start is not None:
        text, values = f"{text} AND time < make_timestamptz(?)", [*values, start.time_us]
    found = look.connection.execute(
        f"SELECT epoch_us(min(time)) FROM (SELECT time FROM {span.files.relation} WHERE {text}"
        " ORDER BY time DESC LIMIT ?)",
        [*span.files.values, *values, most],
    ).fetchone()
    at_the_place = None if start is None else start.time_us
    return at_the_place if found is None or found[0] is None else int(found[0])


def _end(shown: list[tuple[Any, ...]], start: Place | None) -> Place:
    """The place after the rows shown."""
    time_us, key = shown[-1][0], shown[-1][-1]
    equal = sum(1 for row in shown if (row[0], row[-1]) == (time_us, key))
    if start is not None and (start.time_us, start.key) == (time_us, key):
        equal += start.shown
    return Place(time_us, key, equal)
