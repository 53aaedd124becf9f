"""Files that are whole or the ones before: written beside, brought to the disk, renamed. Mode 0600."""

from __future__ import annotations

import os
from pathlib import Path

MODE = 0o600


def write_whole(path: Path, content: bytes) -> None:
    """Raises `OSError`; then the old file is as it was."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _bring_directory_to_disk(path.parent)


def _bring_directory_to_disk(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
