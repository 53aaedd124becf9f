"""What was fetched, under the SHA-256 of its octets: what a snapshot was made of can be read again, unchanged."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from schoolgate.errors import SchoolgateError

_NAME = re.compile(r"[0-9a-f]{64}")
_MODE = 0o640


class StoredListDamaged(SchoolgateError):
    """A stored list is gone or was changed since it was stored."""


class ContentStore:
    """The lists of one state directory. Files are never changed, only added and dropped."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "lists" / "store"

    def path(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise StoredListDamaged(f"{sha256!r} is no name of a stored list")
        return self.folder / sha256

    def take(self, file: Path) -> str:
        """Moves a file in, on disk before it has its name; returns the name."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        name = digest(file)
        if self.intact(name):
            file.unlink()
            return name
        with file.open("rb+") as opened:
            os.fchmod(opened.fileno(), _MODE)
            os.fsync(opened.fileno())
        file.replace(self.path(name))
        return name

    def copy(self, file: Path, work: Path) -> str:
        """The same for a file that stays where it is."""
        name = digest(file)
        if self.intact(name):
            return name
        return self.take(Path(shutil.copyfile(file, work / f"{name}.copy")))

    def intact(self, sha256: str) -> bool:
        """Whether it is there, as it was."""
        try:
            return digest(self.path(sha256)) == sha256
        except OSError:
            return False

    def keep_only(self, used: Collection[str]) -> int:
        """Drops what no snapshot and no feed needs; returns how many."""
        dropped = 0
        for one in self.folder.iterdir() if self.folder.is_dir() else ():
            if _NAME.fullmatch(one.name) and one.name not in used:
                one.unlink(missing_ok=True)
                dropped += 1
        return dropped


def digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
