"""Records that are only ever added to: what was erased, who looked behind a pseudonym. One JSON line each, on disk
before anything is done on the strength of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from schoolgate.querylog.layout import FILE_MODE, FOLDER_MODE, sync_folder


def append(path: Path, record: dict[str, Any]) -> None:
    """Adds a record. Raises `OSError`; then nothing may be done that it records."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # a power cut in the middle of a record
        line = (b"\n" if torn else b"") + orjson.dumps(record) + b"\n"
        if os.write(descriptor, line) != len(line):
            raise OSError(28, os.strerror(28), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


def read(path: Path) -> list[dict[str, Any]]:
    """All records, oldest first; a line that a power cut spoiled is passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [found for line in lines if isinstance(found := _parsed(line), dict)]


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
