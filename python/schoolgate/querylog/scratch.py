"""Private working space of one process that reads or maintains the log, under `log/tmp/`.

It holds copies of rows, so it must never outlive its process: the lock on it goes when the process does, however it
ends, and the next maintenance removes what no process holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schoolgate.querylog.layout import FOLDER_MODE


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new directory, ours until the end."""
    parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    folder = Path(tempfile.mkdtemp(dir=parent))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(BlockingIOError):  # a sweeper looks at it; it has been new for a microsecond
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep(parent: Path) -> int:
    """Removes what processes that were killed left behind; returns how many."""
    removed = 0
    for folder in parent.iterdir() if parent.is_dir() else ():
        with contextlib.suppress(OSError):
            removed += _removed(folder)
    return removed


def _removed(folder: Path) -> bool:
    if not folder.is_dir():
        folder.unlink()
        return True
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: a process works in it
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)
    return True
