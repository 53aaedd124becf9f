"""Files that are replaced whole: after a crash or a power cut a reader finds the old content or the new one.

The new content is written to a file beside, brought to the disk, renamed; then the directory is brought to the disk.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

# For what only the service's user may read.
PRIVATE = 0o600
DIRECTORY_MODE = 0o750


def write_whole(path: Path, octets: bytes, mode: int = 0o666) -> None:
    """Replaces `path`, or makes it and its directory; `mode` is narrowed by the umask.

    Raises `OSError`; then the old file is as it was, and no other file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    # Two processes or threads may write the same file: each has a temporary file of its own.
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Brings the names in a directory to the disk. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
