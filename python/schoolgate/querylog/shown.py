"""Rows on their way to people and programs. Names come from strangers: nothing in them may steer a terminal."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import orjson

from schoolgate.querylog.log_query import Row

# JSON escapes the first 32; these steer terminals too: DEL, C1, and marks that turn text round.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
FIELDS = tuple(field.name.rstrip("_") for field in fields(Row))


def printable(text: str) -> str:
    """Text in which what cannot be seen is written out as \\x1b or \\u202e."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def values(row: Row) -> tuple[Any, ...]:
    """The fields in order, the time as ISO 8601 in UTC with microseconds."""
    time = row.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (time, *(getattr(row, field.name) for field in fields(Row)[1:]))


def json_line(row: Row) -> bytes:
    """One JSON object and a line end."""
    return json_object(dict(zip(FIELDS, values(row), strict=True))) + b"\n"


def json_object(value: Any) -> bytes:
    """JSON that is harmless on a terminal."""
    text = orjson.dumps(value, default=str).decode()
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
