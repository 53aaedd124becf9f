"""What a backup says of itself: the head, its first member, and the manifest, its last one.

The head alone decides whether this version can read the rest. The manifest names every file with size and SHA-256, as
they were written; a restore compares each before anything is put in place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

import orjson

from schoolgate.backup.errors import BackupDamaged, BackupLater

FORMAT = 1
HEAD = "schoolgate-backup.json"
MANIFEST = "manifest.json"
# Roots of the names inside: state directory, and files elsewhere that the settings name.
STATE, ELSEWHERE = PurePosixPath("state"), PurePosixPath("elsewhere")
# A manifest of hundreds of thousands of files stays below.
LARGEST_OCTETS = 256 * 1024 * 1024


@dataclass(frozen=True)
class FileEntry:
    """One file: its name inside the backup, its size in octets, its SHA-256 in hexadecimal."""

    path: str
    octets: int
    sha256: str


@dataclass(frozen=True)
class AuditHead:
    """The audit log as it was copied; `root` in hexadecimal. `checkpoint`: its newest signed note of this epoch."""

    epoch: int
    size: int
    root: str
    checkpoint: str | None


@dataclass(frozen=True)
class Manifest:
    """A backup as a whole. `at` is UTC; `state_dir` and `config` are paths on the machine that made it."""

    made_by: str
    installation: str | None
    at: dt.datetime
    state_dir: str
    config: str | None
    has_query_log: bool
    # The snapshot that was pinned, and so is in the backup.
    pinned_lists: int | None
    audit: AuditHead | None
    files: tuple[FileEntry, ...]
    # What is not in it, and how it comes back.
    left_out: Mapping[str, str]
    # Files that the settings name and that could not be read.
    unreadable: tuple[str, ...] = ()


def compose_head(made_by: str) -> bytes:
    """The first member."""
    return orjson.dumps({"format": FORMAT, "made_by": made_by})


def refuse_other_format(octets: bytes) -> None:
    """Raises `BackupLater`, or `BackupDamaged` where this is no head."""
    fields = _fields(octets, "head")
    found, made_by = fields.get("format"), str(fields.get("made_by"))[:40]
    if type(found) is not int or found < 1:
        raise BackupDamaged("this is no backup of schoolgate: its head names no format")
    if found > FORMAT:
        raise BackupLater(
            f"schoolgate {made_by} made this backup (format {found}, this version reads {FORMAT}); install that version"
        )


def compose(manifest: Manifest) -> bytes:
    """The last member."""
    return orjson.dumps(asdict(manifest))


def parse(octets: bytes) -> Manifest:
    """Raises `BackupDamaged`."""
    fields = _fields(octets, "manifest")
    try:
        audit = fields["audit"]
        return Manifest(
            made_by=str(fields["made_by"]),
            installation=_text(fields["installation"]),
            at=dt.datetime.fromisoformat(fields["at"]),
            state_dir=str(fields["state_dir"]),
            config=_text(fields["config"]),
            has_query_log=bool(fields["has_query_log"]),
            pinned_lists=None if fields["pinned_lists"] is None else int(fields["pinned_lists"]),
            audit=None if audit is None else AuditHead(**audit),
            files=tuple(FileEntry(str(one["path"]), int(one["octets"]), str(one["sha256"])) for one in fields["files"]),
            left_out={str(what): str(how) for what, how in fields["left_out"].items()},
            unreadable=tuple(map(str, fields["unreadable"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackupDamaged(f"the manifest of this backup cannot be read ({error}); use another backup") from error


def _fields(octets: bytes, what: str) -> dict[str, Any]:
    try:
        found = orjson.loads(octets)
    except orjson.JSONDecodeError as error:
        raise BackupDamaged(f"the {what} of this backup cannot be read ({error}); use another backup") from error
    if not isinstance(found, dict):
        raise BackupDamaged(f"the {what} of this backup cannot be read; use another backup")
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
