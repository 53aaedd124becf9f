"""Where in a policy's text a mistake stands, so that it can be shown beside its line.

A path such as policies.pupil.allow[0] is looked for by its tables and keys; the nearest line that is found is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_STEP: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)|\[(\d+)\]')
_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r'^\s*((?:"(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|[A-Za-z0-9_-]+))*)\s*='
)
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
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header is not None:
            table = _steps(header[2])
            if header[1] == "[[":
                at = rows[table] = rows.get(table, -1) + 1
                table = (*table, str(at))
            yield number, table
        elif key is not None:
            yield number, (*table, *_steps(key[1]))


def _steps(path: str) -> Steps:
    return tuple(next(one for one in found.groups() if one is not None) for found in _STEP.finditer(path))


def _same(steps: Steps, wanted: Steps) -> int:
    count = 0
    for one, other in zip(steps, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count
