"""What lies at a target, and what every kind of target can do: take a whole file, list, give back, remove.

A backup has its name only when it is whole there.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schoolgate.backup.made_record import Placed

NAME = re.compile(r"schoolgate-([0-9a-f]{8})-([0-9]{8}T[0-9]{6}Z)\.tar\.age")
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Stored:
    """One backup at a target."""

    name: str
    octets: int

    @property
    def at(self) -> dt.datetime:
        """When it was made, by its name; UTC."""
        return moment_in(self.name)


class Target(Protocol):
    """All raise `TargetUnusable`; its message names the target."""

    @property
    def id(self) -> str: ...

    def put(self, file: Path, name: str) -> Placed:
        """Stores a file; replaces none."""

    def listing(self) -> tuple[Stored, ...]:
        """The backups that are whole there, of every installation, by name."""

    def fetch(self, name: str, place: Path) -> None:
        """Writes a backup to a file."""

    def remove(self, name: str) -> None:
        """Removes a backup. Raises `NotRemoved` where the target keeps it."""


def name_of(installation: str | None, at: dt.datetime) -> str:
    """`schoolgate-1f0c22d9-20261123T023000Z.tar.age`; zeros before the first start."""
    prefix = (installation or "")[:8]
    prefix = prefix if re.fullmatch(r"[0-9a-f]{8}", prefix) else "0" * 8
    return f"schoolgate-{prefix}-{at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}.tar.age"


def moment_in(name: str) -> dt.datetime:
    """When a backup was made, by its name. Raises `ValueError` where it is none."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name} is no name of a backup")
    return dt.datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)


def is_backup(name: str) -> bool:
    """Whether a file may be a backup of ours, by its name."""
    try:
        moment_in(name)
    except ValueError:
        return False
    return True


def installation_in(name: str) -> str:
    """The first eight digits of the installation that made a backup, by its name; empty where it is none."""
    match = NAME.fullmatch(name)
    return match[1] if match else ""


def partial_name(name: str) -> str:
    """What a backup is called at a target until it is whole there."""
    return f".{name}{_PARTIAL}"


def is_left_partial(found: str, name: str) -> bool:
    """Whether `found` is what a killed process of the installation that puts `name` left; it makes one at a time."""
    whole = found.removeprefix(".").removesuffix(_PARTIAL)
    return found == partial_name(whole) and is_backup(whole) and installation_in(whole) == installation_in(name)
