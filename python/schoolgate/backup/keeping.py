"""Which backups stay: the newest of each of the last days, weeks and months (UTC), and never none.

Only backups of this installation count, and only those that are whole as far as is known. What a target will not give
up (object lock, no right to delete) is counted and tried again with the next backup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from schoolgate.backup.errors import BackupProblem, NotRemoved
from schoolgate.backup.made_record import Made, Record
from schoolgate.backup.stored import Stored, Target, installation_in
from schoolgate.config.backup import Backup


@dataclass(frozen=True)
class Kept:
    """What retention did at one target."""

    target: str
    removed: tuple[str, ...] = ()
    locked: int = 0
    problem: str | None = None


def keep(target: Target, settings: Backup, made: Made, record: Record) -> Kept:
    """Removes what is not to be kept, after `made` was placed there. Never raises a `BackupProblem`."""
    removed: list[str] = []
    locked = 0
    try:
        for name in to_remove(_good(target.listing(), made, record), settings):
            if name == made.name:  # older than others by a clock that was wrong
                continue
            try:
                target.remove(name)
                removed.append(name)
            except NotRemoved:
                locked += 1
    except BackupProblem as error:
        return Kept(target.id, tuple(removed), locked, f"old backups were not removed: {error}")
    return Kept(target.id, tuple(removed), locked)


def to_remove(good: Sequence[Stored], settings: Backup) -> tuple[str, ...]:
    """The names to remove of these, oldest first."""
    newest_first = sorted(good, key=lambda one: one.at, reverse=True)
    kept = {one.name for one in newest_first[:1]}
    kept |= _newest_of_each(newest_first, lambda at: at.date(), settings.keep_daily)
    kept |= _newest_of_each(newest_first, lambda at: at.isocalendar()[:2], settings.keep_weekly)
    kept |= _newest_of_each(newest_first, lambda at: (at.year, at.month), settings.keep_monthly)
    return tuple(one.name for one in reversed(newest_first) if one.name not in kept)


def _newest_of_each(newest_first: Iterable[Stored], period: Callable[[dt.datetime], object], most: int) -> set[str]:
    found: dict[object, str] = {}
    for one in newest_first:
        found.setdefault(period(one.at), one.name)
    return set(list(found.values())[:most])


def _good(stored: Sequence[Stored], made: Made, record: Record) -> list[Stored]:
    """Those of this installation that have the size they were made with. One that was cut short is never the one that
    is kept, and is not removed either: a person decides."""
    found = []
    for one in stored:
        known = made if one.name == made.name else record.of(one.name)
        if installation_in(one.name) == installation_in(made.name) and (known is None or known.octets == one.octets):
            found.append(one)
    return found
