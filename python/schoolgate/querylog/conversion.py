"""Closed write-ahead files become Parquet, in the order of their numbers.

A WAL is deleted last, and only when the monitor has read it: until then it is what counts, and converting it again
after a kill gives the same files. One that cannot be read waits; compaction joins nothing across its number.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from typing import Any

import orjson

from schoolgate._core import log_to_parquet
from schoolgate.querylog.layout import CLASSES, DAMAGED, Wal, sync_folder
from schoolgate.querylog.maintenance import Maintenance

# Whether the monitor has read all of a WAL: (class, number).
MayDelete = Callable[[str, int], bool]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# After a long stop there may be thousands; the rest of the work must have its turn.
MOST_AT_ONCE = 100


def convert(work: Maintenance, may_delete: MayDelete) -> None:
    """Converts what can be. A file that cannot be is kept and reported; a full disk ends the round."""
    closed = work.log.list().closed
    for class_ in CLASSES:
        for wal in [one for one in closed if one.class_ == class_][:MOST_AT_ONCE]:
            if not may_delete(class_, wal.number):
                break
            try:
                _tell(work, wal, _converted(work, wal))
            except OSError as error:
                work.report.problems.append(f"{wal.path}: cannot be converted ({error}); it is kept and tried again")
                if error.errno in NO_ROOM:
                    break


def _converted(work: Maintenance, wal: Wal) -> dict[str, Any]:
    report: dict[str, Any] = orjson.loads(log_to_parquet(str(wal.path), str(work.log.rows)))
    with work.log.changing():
        if report["is_damaged"]:
            with contextlib.suppress(FileNotFoundError):  # the server makes room too
                wal.path.replace(wal.path.with_name(wal.path.name + DAMAGED))
        else:
            wal.path.unlink(missing_ok=True)
        sync_folder(wal.path.parent)
    return report


def _tell(work: Maintenance, wal: Wal, report: dict[str, Any]) -> None:
    work.report.converted += 1
    work.report.rows += report["rows"]
    lost = f"{report['lost_octets']} octets, {report['lost_rows']} rows at least, were damaged and lost"
    if report["is_damaged"]:
        work.report.problems.append(
            f"{wal.path}: {lost}; the others were taken in; it was put aside as {wal.path.name}{DAMAGED}: delete it"
        )
    elif report["lost_octets"]:
        work.report.problems.append(
            f"{wal.path.name}: {report['lost_octets']} octets at its end were never whole, and are lost"
        )
