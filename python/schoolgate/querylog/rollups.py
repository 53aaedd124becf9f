"""Counts of rows by the hour, kept longer than the rows: they feed charts, and name no client and no site.

A rollup says up to which WAL it has counted; readers add the files after it. It is only written anew while all rows it
has counted are there: what retention took away stays counted.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.querylog.layout import CLASSES, Class, Listing, put_in_place
from schoolgate.querylog.log_query import LogProblem
from schoolgate.querylog.maintenance import Maintenance


def roll_up(work: Maintenance) -> None:
    """Brings the rollup of every day with rows up to date."""
    listing = work.log.list()
    rollups = {day: path for day, path in listing.rollups.items() if day in listing.days}
    found = work.rewrite("rolled", files=[str(path) for path in rollups.values()])
    known = found["through"] if found is not None else {}
    unopened = found["unopened"] if found is not None else {}
    work.report.problems += [f"{path}: cannot be brought up to date: {why}" for path, why in unopened.items()]
    for day in listing.days:
        if str(rollups.get(day)) in unopened:
            continue
        through = _through(listing, day)
        counted = known.get(str(rollups[day])) if day in rollups else None
        if counted is None or (through != counted and _is_whole(listing, day, counted)):
            try:
                _write(work, listing, day, through)
            except (LogProblem, OSError) as error:
                work.report.problems.append(f"the rows of {day} cannot be counted: {error}")


def _through(listing: Listing, day: dt.date) -> dict[Class, int]:
    return {name: max((file.last for file in listing.of(day, name)), default=-1) for name in CLASSES}


def _is_whole(listing: Listing, day: dt.date, counted: dict[Class, int]) -> bool:
    """Whether rows that were counted are still there, in each class."""
    return all(
        counted[name] < 0 or any(file.first <= counted[name] for file in listing.of(day, name)) for name in CLASSES
    )


def _write(work: Maintenance, listing: Listing, day: dt.date, through: dict[Class, int]) -> None:
    files = [(file.class_, str(file.path)) for file in listing.of(day)]
    found = work.rewrite("roll_up", files=files, through=through)
    if found is not None:
        with work.log.changing():
            put_in_place(Path(found["made"]), work.log.rollup(day))
        work.report.rolled_up += 1
