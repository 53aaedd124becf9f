"""What backups were made here and where they are: `<state>/backup/record.json`. Read by `status`, `list`, the schedule.

It says what this machine remembers, also of media that are elsewhere. A record that cannot be read is as good as none:
the next backup begins a new one.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from schoolgate.backup.errors import BackupBusy
from schoolgate.storage.atomic_file import PRIVATE, write_whole

# Some years of daily backups with all that retention keeps.
MOST_MADE = 1000
_MOST_OCTETS = 8 * 1024 * 1024


@dataclass(frozen=True)
class Placed:
    """Where one backup lies. `medium`: which of the media that are swapped; `is_locked`: it cannot be deleted."""

    target: str
    kind: str
    medium: str | None = None
    is_locked: bool = False


@dataclass(frozen=True)
class Made:
    """One backup. `at` is UTC; `sha256` of the encrypted octets. `failed`: targets that did not get it, and why."""

    name: str
    at: dt.datetime
    octets: int
    sha256: str
    has_query_log: bool
    placed: tuple[Placed, ...]
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """All of them, oldest first. `tried_at`: the last try; `failure`: why it made none. `locked`: by target, how many
    backups retention wanted to remove and the target keeps."""

    made: tuple[Made, ...] = ()
    tried_at: dt.datetime | None = None
    failure: str | None = None
    locked: Mapping[str, int] = field(default_factory=dict)

    def with_made(self, made: Made, locked: Mapping[str, int]) -> Record:
        """One more, and the try that made it."""
        return replace(self, made=(*self.made, made)[-MOST_MADE:], tried_at=made.at, failure=None, locked=locked)

    def of(self, name: str) -> Made | None:
        """The backup of that name."""
        return next((one for one in reversed(self.made) if one.name == name), None)


def read_record(state_dir: Path) -> Record:
    """What is remembered; nothing where it cannot be read."""
    try:
        with _path(state_dir).open("rb") as file:
            raw = orjson.loads(file.read(_MOST_OCTETS))
        return Record(
            tuple(_made(one) for one in raw["made"]),
            None if raw["tried_at"] is None else dt.datetime.fromisoformat(raw["tried_at"]),
            raw["failure"],
            {str(target): int(count) for target, count in raw["locked"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def write_record(state_dir: Path, record: Record) -> None:
    """Replaces it whole. Raises `OSError`."""
    write_whole(_path(state_dir), orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2), PRIVATE)


@contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Held by the one process that makes a backup. Raises `BackupBusy`; the kernel lets go when the process ends."""
    folder = state_dir / "backup"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupBusy(f"{folder}: another process makes a backup; try again when it has ended") from None
    finally:
        os.close(descriptor)


def _path(state_dir: Path) -> Path:
    return state_dir / "backup" / "record.json"


def _made(raw: dict[str, Any]) -> Made:
    placed = tuple(Placed(**one) for one in raw["placed"])
    return Made(**{**raw, "at": dt.datetime.fromisoformat(raw["at"]), "placed": placed})
