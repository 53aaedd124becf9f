"""Evidence packs that were made, in a directory: a PDF and its values as JSON each, for their owner alone."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.storage.atomic_file import PRIVATE, write_whole

# Five years of packs made each week.
MOST_KEPT = 260
_NAME = re.compile(r"evidence-\d{4}-\d{2}-\d{2}-\d{6}\.(pdf|json)")


class PackNotKept(SchoolgateError):
    """The pack could not be written."""


class NoSuchPack(SchoolgateError):
    """No pack of this name is kept."""


@dataclass(frozen=True)
class KeptPack:
    """A file on the shelf. `sha256`: of its octets now; the audit log has that of the day it was made."""

    name: str
    made_at: dt.datetime
    size_octets: int
    sha256: str


class PackShelf:
    """One directory. Files of others in it are left alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, at: dt.datetime, pdf: bytes, values: bytes) -> tuple[KeptPack, KeptPack]:
        """Keeps both files; the oldest are given up in the end. Raises `PackNotKept`."""
        stem = f"evidence-{at.astimezone(dt.UTC):%Y-%m-%d-%H%M%S}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, octets in ((f"{stem}.pdf", pdf), (f"{stem}.json", values)):
                write_whole(self.folder / name, octets, PRIVATE)
            for old in self._names()[2 * MOST_KEPT :]:
                (self.folder / old).unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PackNotKept(f"{self.folder}: {reason}; check rights and space, or set reports.dir") from error
        return _kept(stem + ".pdf", at, pdf), _kept(stem + ".json", at, values)

    def all(self) -> list[KeptPack]:
        """PDFs, newest first."""
        found = []
        for name in self._names():
            if name.endswith(".pdf"):
                path = self.folder / name
                made_at = dt.datetime.strptime(name[9:26], "%Y-%m-%d-%H%M%S").replace(tzinfo=dt.UTC)
                found.append(_kept(name, made_at, path.read_bytes()))
        return found

    def read(self, name: str) -> bytes:
        """A file. Raises `NoSuchPack`."""
        if not _NAME.fullmatch(name):
            raise NoSuchPack(f"no evidence pack {name[:80]} is kept; `schoolgate evidence list` names them")
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise NoSuchPack(f"{name}: it cannot be read ({error.strerror}); make it again") from None

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted((one.name for one in self.folder.iterdir() if _NAME.fullmatch(one.name)), reverse=True)


def pack_shelf_of(settings: Settings) -> PackShelf:
    """Beside the reports."""
    chosen = settings.reports.dir
    return PackShelf((chosen if chosen != Path() else settings.server.state_dir / "reports") / "evidence")


def _kept(name: str, at: dt.datetime, octets: bytes) -> KeptPack:
    return KeptPack(name, at, len(octets), hashlib.sha256(octets).hexdigest())
