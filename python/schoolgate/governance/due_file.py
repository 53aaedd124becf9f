"""What is due, in a file of the state directory: reports are made by processes that may not open control.db.

Written by `control` each minute where it changed. Times in it are those of the dues, so an old file is no lie about
what was due; a report says when it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from schoolgate.storage.atomic_file import write_whole

MOST_OCTETS = 1 << 20


@dataclass(frozen=True)
class DueLine:
    """`kind` in words: no name of a person, site or device leaves the store. `due_us`: microseconds since 1970."""

    words: str
    due_us: int


def path_of_dues(state_dir: Path) -> Path:
    """Where it lies."""
    return state_dir / "governance" / "due.json"


def write_dues(state_dir: Path, dues: Sequence[DueLine]) -> None:
    """Replaces the file whole; leaves it where it says the same. Raises `OSError`."""
    path = path_of_dues(state_dir)
    if not dues and not path.exists():
        return  # a new installation gets no file before it has a record
    text = orjson.dumps([[one.words, one.due_us] for one in dues])
    if path.exists() and path.read_bytes() == text:
        return
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    write_whole(path, text)


def read_dues(state_dir: Path) -> tuple[DueLine, ...] | None:
    """None where there is no file that can be read."""
    try:
        with path_of_dues(state_dir).open("rb") as file:
            found = orjson.loads(file.read(MOST_OCTETS))
        return tuple(DueLine(str(words), int(due_us)) for words, due_us in found)
    except (OSError, ValueError, TypeError):
        return None
