"""Which backups there are: what the targets hold now, and what this machine remembers of media that are elsewhere."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schoolgate.backup.errors import BackupProblem, TargetUnusable, why
from schoolgate.backup.made_record import Made, Record, read_record
from schoolgate.backup.stored import Stored, Target, is_backup
from schoolgate.backup.targets import target_named, targets_of
from schoolgate.config import Settings

WHOLE, CUT, UNKNOWN, TAKEN_AWAY = "whole", "not of its size: cut short", "not made here", "as recorded; not seen now"


@dataclass(frozen=True)
class Listed:
    """One backup at one place. `where`: target, and medium where there are several; `state`: what is known of it."""

    name: str
    at: dt.datetime
    octets: int
    where: str
    state: str


@dataclass(frozen=True)
class Listing:
    """All, newest first. `failed`: targets that could not be asked, and why."""

    backups: tuple[Listed, ...]
    failed: Mapping[str, str]
    locked: Mapping[str, int]


def listed(settings: Settings) -> Listing:
    """Asks every target. Raises nothing of a target: what failed is in the answer."""
    record = read_record(settings.server.state_dir)
    found: list[Listed] = []
    failed: dict[str, str] = {}
    for target in targets_of(settings):
        try:
            stored = target.listing()
        except BackupProblem as error:
            failed[target.id] = str(error)
            continue
        found += [_seen(one, target, record) for one in stored]
    found += _away(record, {(one.name, one.where.partition(" ")[0]) for one in found})
    return Listing(tuple(sorted(found, key=lambda one: (one.at, one.where), reverse=True)), failed, record.locked)


@contextmanager
def fetched(settings: Settings, name: str, target: str | None) -> Iterator[Path]:
    """A backup by name, as a file for as long as this is open. Raises `TargetUnusable`."""
    if not is_backup(name):
        raise TargetUnusable(f"{name}: no such file, and no name of a backup; see `schoolgate backup list`")
    targets = targets_of(settings) if target is None else (target_named(settings, target),)
    with tempfile.TemporaryDirectory(prefix="schoolgate-fetch-") as folder:
        place = Path(folder) / name
        try:
            _fetch(targets, name, place)
        except OSError as error:
            raise TargetUnusable(f"{place}: {why(error)}") from error
        yield place


def _fetch(targets: Sequence[Target], name: str, place: Path) -> None:
    said = []
    for one in targets:
        try:
            if any(stored.name == name for stored in one.listing()):
                one.fetch(name, place)
                return
        except BackupProblem as error:
            said.append(str(error))
    reason = "; ".join(said) or "see `schoolgate backup list`"
    raise TargetUnusable(f"{name} is at none of the targets that could be asked; {reason}")


def _seen(stored: Stored, target: Target, record: Record) -> Listed:
    made = record.of(stored.name)
    state = UNKNOWN if made is None else WHOLE if made.octets == stored.octets else CUT
    return Listed(stored.name, stored.at, stored.octets, _where(target.id, _medium(made, target.id)), state)


def _away(record: Record, seen: set[tuple[str, str]]) -> list[Listed]:
    """Backups that were placed and are not seen: on a medium that was taken away, pulled, or removed."""
    return [
        Listed(made.name, made.at, made.octets, _where(one.target, one.medium), TAKEN_AWAY)
        for made in record.made
        for one in made.placed
        if (made.name, one.target) not in seen and (one.medium is not None or one.is_locked)
    ]


def _medium(made: Made | None, target: str) -> str | None:
    return next((one.medium for one in made.placed if one.target == target), None) if made is not None else None


def _where(target: str, medium: str | None) -> str:
    return target if medium is None else f"{target} (medium {medium})"
