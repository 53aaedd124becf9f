"""Where in a policy's text a mistake stands, so that it can be shown beside its line.

A path such as policies.pupil.allow[0] is looked for by its tables and keys; the nearest line that is found is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_STEP: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)|\[(\d+)\]')
_KEY: Final = re.compile(
    r'^\s*((?:"(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|[A-Za-z0-9_-]+))*)\s*='
)
# A longer name of a table is none of ours.
_LONGEST_NAME: Final = 1_000
_LINE: Final = re.compile(r"\bline (\d+)")

Steps = tuple[str, ...]


def line_of(text: str, path: str, message: str = "") -> int:
    """The number of the line that a path names, from 1; 0 where none is found. A message of the reader of TOML says its
    line itself."""
    said = _LINE.search(message)
    if said is not None and not path:
        return int(said[1])
    wanted = _steps(path)
    best, found = 0, 0
    for number, steps in _places(text):
        same = _same(steps, wanted)
        if same > best and same == len(steps):
            best, found = same, number
    return found


def _places(text: str) -> Iterator[tuple[int, Steps]]:
    """Each line that opens a table or sets a key, with the whole path."""
    table: Steps = ()
    rows: dict[Steps, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _header(line)
        key = _KEY.match(line)
        if header is not None:
            opening, name = header
            table = _steps(name)
            if opening == "[[":
                at = rows[table] = rows.get(table, -1) + 1
                table = (*table, str(at))
            yield number, table
        elif key is not None:
            yield number, (*table, *_steps(key[1]))


def _header(line: str) -> tuple[str, str] | None:
    """The bracket or brackets that open a table, and its name; None where a line opens none."""
    line = line.strip()
    if not line.startswith("["):
        return None
    opening = "[[" if line.startswith("[[") else "["
    name, closing, rest = line[len(opening) :].partition("]")
    name, rest = name.strip(), rest.removeprefix("]").lstrip()
    is_name = bool(name) and len(name) <= _LONGEST_NAME and "[" not in name and "#" not in name
    return (opening, name) if closing and is_name and rest[:1] in ("", "#") else None


def _steps(path: str) -> Steps:
    return tuple(next(one for one in found.groups() if one is not None) for found in _STEP.finditer(path))


def _same(steps: Steps, wanted: Steps) -> int:
    count = 0
    for one, other in zip(steps, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count
