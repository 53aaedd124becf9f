"""Many small files become one: each hour those of the hour, and after the day all of the day, sorted by client, so that
one client's day lies together.

The new file carries the range of the numbers it was made of. Killed after it has its name, the small ones do not count
any more; killed before, it never was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from schoolgate.querylog.layout import CLASSES, Listing, RowFile, put_in_place, sync_folder
from schoolgate.querylog.log_query import LogProblem
from schoolgate.querylog.maintenance import Maintenance

# The last files of an hour, or of a day, are closed and converted by then.
SETTLED = dt.timedelta(minutes=5)


def compact(work: Maintenance, now: dt.datetime) -> None:
    """Does what is due. Files made of a WAL that is still there are not touched; one that cannot be opened keeps its
    own neighbours as they are."""
    listing = work.log.list()
    for day in listing.days:
        for class_ in CLASSES:
            for files in listing.neighbours(day, class_):
                try:
                    _compact(work, day, files, now)
                except (LogProblem, OSError) as error:
                    work.report.problems.append(f"{files[0].path.parent}: cannot be compacted: {error}")


def _compact(work: Maintenance, day: dt.date, files: tuple[RowFile, ...], now: dt.datetime) -> None:
    if not _is_over(day, now):
        for hour, group in _hours(work, files, now):
            _merge(work, group, hour)
    elif len(files) > 1 or files[0].kind != "day":
        _merge(work, files, None)


def remove_covered(work: Maintenance, listing: Listing) -> None:
    """Deletes files that a wider one stands for: compaction was killed before it could."""
    for file in listing.covered:
        with work.log.changing():
            file.path.unlink(missing_ok=True)


def _is_over(day: dt.date, now: dt.datetime) -> bool:
    return now >= dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC) + SETTLED


def _hours(
    work: Maintenance, files: tuple[RowFile, ...], now: dt.datetime
) -> Iterator[tuple[int, tuple[RowFile, ...]]]:
    """Runs of neighbours of one past hour. Only neighbours: a range of numbers must hold nothing that is not in it."""
    small = [file for file in files if file.kind == "wal"]
    if len(small) < 2:
        return
    found = work.rewrite("hours", files=[str(file.path) for file in small])
    if found is None:
        return
    dated = dict(zip(small, found["hours"], strict=True))
    this_hour = (now - SETTLED).astimezone(dt.UTC)
    for hour, run in groupby(files, key=dated.get):
        group = tuple(run)
        is_past = hour is not None and (group[0].day < this_hour.date() or hour < this_hour.hour)
        if hour is not None and is_past and len(group) > 1:
            yield hour, group


def _merge(work: Maintenance, files: tuple[RowFile, ...], hour: int | None) -> None:
    order = "client" if hour is None else "time"
    found = work.rewrite("merge", files=[str(file.path) for file in files], order=order)
    if found is None:
        return
    place = work.log.compacted(files, hour)
    with work.log.changing():
        put_in_place(Path(found["made"]), place)
        for file in files:
            if file.path != place:
                file.path.unlink()
        sync_folder(place.parent)
    work.report.compacted += len(files)
