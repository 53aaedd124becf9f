"""A file that is replaced whole: whoever reads it, and whatever is killed, there is the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, octets: bytes) -> None:
    """The old file or the new one, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
