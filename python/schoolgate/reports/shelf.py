"""Reports that were made, in a directory: one HTML file each, for their owner alone, the oldest given up in the end."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.reports.page import Reader
from schoolgate.reports.period import Period
from schoolgate.storage.atomic_file import write_whole

# Ten years of weekly reports for three readers, or two of daily ones.
MOST_KEPT = 2000
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}-(daily|weekly|termly)-(it|safeguarding|governors)(-[a-z0-9-]{1,200})?\.html")
# A file name has 255 octets.
LONGEST_SEGMENTS = 150


class ReportNotKept(SchoolgateError):
    """The report could not be written."""


@dataclass(frozen=True)
class Kept:
    """A report on the shelf. `reader`: for whom it was made, as its name says."""

    path: Path
    made_at: dt.datetime
    size_octets: int
    reader: Reader


class Shelf:
    """Reports in one directory. Files of others in it are left alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, period: Period, reader: str, segments: Sequence[str]) -> Path:
        return self.folder / f"{name_of(period, reader, segments)}.html"

    def keep(self, path: Path, text: str) -> None:
        """Raises `ReportNotKept`."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, text.encode())
            path.chmod(0o600)
            for old in self.all()[MOST_KEPT:]:
                old.path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReportNotKept(f"{path}: {reason}; check rights and space, or set reports.dir") from error

    def all(self) -> list[Kept]:
        """Newest first."""
        if not self.folder.is_dir():
            return []
        found = []
        for path in self.folder.iterdir():
            if (named := _NAME.fullmatch(path.name)) and path.is_file():
                facts = path.stat()
                made_at = dt.datetime.fromtimestamp(facts.st_mtime, dt.UTC)
                found.append(Kept(path, made_at, facts.st_size, Reader(named[2])))
        return sorted(found, key=lambda one: (one.path.name, one.made_at), reverse=True)


def shelf_of(settings: Settings) -> Shelf:
    """Where the settings say, else in the state directory."""
    chosen = settings.reports.dir
    return Shelf(chosen if chosen != Path() else settings.server.state_dir / "reports")


def name_of(period: Period, reader: str, segments: Sequence[str]) -> str:
    """What it is called on the shelf, and by what it is known as already sent."""
    where = "-".join(sorted(segments))[:LONGEST_SEGMENTS]
    return f"{period.label}-{reader}" + (f"-{where}" if where else "")
