"""Erasing by itself: what is older than the settings say, and the oldest days when the disk gets short.

For space, ordinary days go before safeguarding ones, and the newest days never. Each removal is recorded before it is
done; killed in between, it is done next time and recorded once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schoolgate.config.retention import Retention
from schoolgate.querylog import records
from schoolgate.querylog.layout import CLASSES, DAMAGED, Class, LogFolder
from schoolgate.querylog.log_query import LogProblem
from schoolgate.querylog.maintenance import Maintenance

GIB, MIB = 1 << 30, 1 << 20
# What was erased frees its space when the last search that reads it has ended: a search ends within half a minute, and
# a file system has its own time.
WAIT_FOR_ROOM = dt.timedelta(minutes=5)
Why = Literal["age", "space"]
Free = Callable[[Path], int]


@dataclass(frozen=True)
class DayOfClass:
    """All files of one day and class, those put aside as damaged too."""

    day: dt.date
    class_: Class
    folder: Path

    @property
    def paths(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())


def free_octets(folder: Path) -> int:
    """What the disk has left for us."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def erase_old(work: Maintenance, kept: Retention, now: dt.datetime) -> None:
    """By age."""
    today = now.astimezone(dt.UTC).date()
    limits = {"ordinary": kept.ordinary_days, "safeguarding": kept.safeguarding_days}
    for one in days_of(work.log):
        if (today - one.day).days > limits[one.class_]:
            _remove(work, one, "age", now)
    for path in work.log.wal.glob(f"*{DAMAGED}"):
        class_ = path.name.partition("-")[0]
        written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).date()
        if (today - written).days > limits.get(class_, kept.safeguarding_days):
            _record(work, _about(path, written, class_, "age", now))
            path.unlink(missing_ok=True)
    for day, path in work.log.list().rollups.items():
        if (today - day).days > kept.rollups_days:
            _record(work, _about(path, day, "rollup", "age", now))
            with work.log.changing():
                path.unlink(missing_ok=True)


def make_room(work: Maintenance, kept: Retention, now: dt.datetime, free: Free = free_octets) -> bool:
    """By space: days go until they make up for what is short at this moment. What they free may come later, when a
    search that reads them ends; so look again after `WAIT_FOR_ROOM` where this answers that something went."""
    lack = _lack(work.log, kept, free)
    if lack is None:
        return False
    today = now.astimezone(dt.UTC).date()
    days = [one for one in days_of(work.log) if (today - one.day).days > kept.floor_days]
    short = lack.octets
    for one in (one for name in CLASSES for one in days if one.class_ == name):
        if short <= 0:
            return True
        short -= _remove(work, one, "space", now)
    if short > 0:
        work.report.problems.append(
            f"{lack.text}, and the newest {kept.floor_days} days are never erased for it; make space, or raise"
            " retention.max_gib"
        )
    return short < lack.octets


def days_of(log: LogFolder) -> list[DayOfClass]:
    """What there is, oldest day first."""
    found = []
    for folder in sorted(log.rows.glob("day=*")) if log.rows.is_dir() else ():
        with contextlib.suppress(ValueError):
            day = dt.date.fromisoformat(folder.name.removeprefix("day="))
            found += [DayOfClass(day, name, folder / f"class={name}") for name in CLASSES]
    return [one for one in found if one.folder.is_dir()]


def octets_of(folder: Path) -> int:
    """What a folder takes of the disk."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total


@dataclass(frozen=True)
class Lack:
    """How much room is short, and why."""

    octets: int
    text: str


def _lack(log: LogFolder, kept: Retention, free: Free) -> Lack | None:
    # What a search has spilled is gone when it ends; no day goes for it.
    spilled = octets_of(log.scratch)
    over = octets_of(log.folder) - spilled - kept.max_gib * GIB
    short = kept.min_free_mib * MIB - free(log.folder) - spilled
    if over > 0:
        used = (over + kept.max_gib * GIB) / GIB
        return Lack(max(over, short), f"the query log takes {used:.1f} GiB of the {kept.max_gib} it may")
    if short > 0:
        left = (kept.min_free_mib * MIB - short) // MIB
        return Lack(short, f"the disk of {log.folder} has {left} MiB free, and {kept.min_free_mib} are wanted")
    return None


def _remove(work: Maintenance, one: DayOfClass, why: Why, now: dt.datetime) -> int:
    """Returns the octets that went. What of a day cannot be removed does not keep the other days."""
    octets = octets_of(one.folder)
    try:
        _empty(work, one, why, now)
    except OSError as error:
        work.report.problems.append(f"{one.folder}: cannot be removed ({error.strerror}); look what is in it")
    return octets - octets_of(one.folder)


def _empty(work: Maintenance, one: DayOfClass, why: Why, now: dt.datetime) -> None:
    paths = one.paths
    if paths:
        record = _about(one.folder, one.day, one.class_, why, now) | {"rows": _rows(work, paths)}
        record |= {"files": [path.name for path in paths][:: max(1, len(paths) - 1)]}
        _record(work, record)
    with work.log.changing():
        for path in paths:
            path.unlink(missing_ok=True)
        one.folder.rmdir()
        with contextlib.suppress(OSError):  # the other class is still there
            one.folder.parent.rmdir()


def _rows(work: Maintenance, paths: list[Path]) -> int | None:
    """How many rows go; None where a file cannot be read."""
    try:
        found = work.rewrite("count", files=[str(path) for path in paths])
    except LogProblem:
        return None
    return found["rows"] if found is not None else None


def _about(place: Path, day: dt.date, class_: str, why: Why, now: dt.datetime) -> dict[str, Any]:
    octets = octets_of(place) if place.is_dir() else place.stat().st_size
    return {"at": now.isoformat(timespec="seconds"), "kind": why, "class": class_, "day": str(day), "octets": octets}


def _record(work: Maintenance, record: dict[str, Any]) -> None:
    """Before the removal, so that nothing goes unrecorded. On a full disk the removal matters more."""
    known = ("kind", "class", "day", "octets", "rows", "files")
    work.report.erased.append(record)
    try:
        before = records.read(work.log.erasures)
        if not any(all(one.get(key) == record.get(key) for key in known) for one in before):
            records.append(work.log.erasures, record)
    except OSError as error:
        work.report.problems.append(f"{work.log.erasures}: {error.strerror}; a removal is not recorded: {record}")
