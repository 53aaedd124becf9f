"""Evidence packs that were made, in a directory: PDFs and their values as JSON, for their owner alone.

Each pack is kept twice: with names of staff, and with posts in their place ("-posts"), for readers who see no names.
"""

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
_NAME = re.compile(r"(evidence-\d{4}-\d{2}-\d{2}-\d{6})(-posts)?\.(pdf|json)")


class PackNotKept(SchoolgateError):
    """The pack could not be written."""


class NoSuchPack(SchoolgateError):
    """No pack of this name is kept."""


class PackNamesStaff(SchoolgateError):
    """The reader sees no names of staff, and the pack has some."""


@dataclass(frozen=True)
class KeptPack:
    """A file on the shelf. `sha256`: of its octets now; the audit log has that of the day it was made. `names_staff`:
    whether names of staff stand in it, or posts."""

    name: str
    made_at: dt.datetime
    size_octets: int
    sha256: str
    names_staff: bool


@dataclass(frozen=True)
class KeptPair:
    """A PDF and its values."""

    pdf: KeptPack
    values: KeptPack


class PackShelf:
    """One directory. Files of others in it are left alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(
        self, at: dt.datetime, named: tuple[bytes, bytes], posts: tuple[bytes, bytes]
    ) -> tuple[KeptPair, KeptPair]:
        """Keeps a PDF and its values, with names of staff and with posts; the oldest are given up in the end. Raises
        `PackNotKept`."""
        stem = f"evidence-{at.astimezone(dt.UTC):%Y-%m-%d-%H%M%S}"
        files = {f"{stem}{form}.{ending}": octets for form, pair in (("", named), ("-posts", posts))
                 for ending, octets in zip(("pdf", "json"), pair, strict=True)}  # fmt: skip
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, octets in files.items():
                write_whole(self.folder / name, octets, PRIVATE)
            self._give_up()
        except OSError as error:
            reason = error.strerror or str(error)
            raise PackNotKept(f"{self.folder}: {reason}; check rights and space, or set reports.dir") from error
        kept = [_kept(name, at, octets) for name, octets in files.items()]
        return KeptPair(kept[0], kept[1]), KeptPair(kept[2], kept[3])

    def all(self, *, shows_names: bool = True) -> list[KeptPack]:
        """PDFs, newest first. `shows_names`: those with names of staff too."""
        found = []
        for name in self._names():
            if name.endswith(".pdf") and (shows_names or not _names_staff(name)):
                path = self.folder / name
                made_at = dt.datetime.strptime(name[9:26], "%Y-%m-%d-%H%M%S").replace(tzinfo=dt.UTC)
                found.append(_kept(name, made_at, path.read_bytes()))
        return found

    def read(self, name: str, *, shows_names: bool = True) -> bytes:
        """A file. Raises `NoSuchPack`, and `PackNamesStaff` where it has names that the reader does not see."""
        if not _NAME.fullmatch(name):
            raise NoSuchPack(f"no evidence pack {name[:80]} is kept; `schoolgate evidence list` names them")
        try:
            found = (self.folder / name).read_bytes()
        except OSError as error:
            raise NoSuchPack(f"{name}: it cannot be read ({error.strerror}); make it again") from None
        if _names_staff(name) and not shows_names:
            raise PackNamesStaff("this pack names staff; read the one that has posts in their place, or make a new one")
        return found

    def _give_up(self) -> None:
        names = self._names()
        stems = sorted({_stem(one) for one in names}, reverse=True)[:MOST_KEPT]
        for old in (one for one in names if _stem(one) not in stems):
            (self.folder / old).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted((one.name for one in self.folder.iterdir() if _NAME.fullmatch(one.name)), reverse=True)


def pack_shelf_of(settings: Settings) -> PackShelf:
    """Beside the reports."""
    chosen = settings.reports.dir
    return PackShelf((chosen if chosen != Path() else settings.server.state_dir / "reports") / "evidence")


def _names_staff(name: str) -> bool:
    """Packs of before there were two have names too."""
    return "-posts." not in name


def _stem(name: str) -> str:
    return name[:26]


def _kept(name: str, at: dt.datetime, octets: bytes) -> KeptPack:
    return KeptPack(name, at, len(octets), hashlib.sha256(octets).hexdigest(), _names_staff(name))
