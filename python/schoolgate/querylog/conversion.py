"""Closed write-ahead files become Parquet, in the order of their numbers.

A WAL is deleted last, and only when the monitor has read it: until then it is what counts, and converting it again
after a kill gives the same files. None is skipped: compaction takes a range of numbers for whole.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import log_to_parquet
from schoolgate.querylog.erasure import Erasure, erase_from
from schoolgate.querylog.layout import CLASSES, Class, Wal, sync_folder
from schoolgate.querylog.maintenance import Maintenance

# Whether the monitor has read all of a WAL: (class, number).
MayDelete = Callable[[str, int], bool]
# After a long stop there may be thousands; the rest of the work must have its turn.
MOST_AT_ONCE = 100


def convert(work: Maintenance, may_delete: MayDelete, pending: list[Erasure]) -> None:
    """Converts what can be. A failure ends a class for this round and is reported."""
    closed = work.log.list().closed
    for class_ in CLASSES:
        for wal in [one for one in closed if one.class_ == class_][:MOST_AT_ONCE]:
            if not may_delete(class_, wal.number):
                break
            try:
                report = _converted(work, wal, pending)
            except OSError as error:
                work.report.problems.append(f"{wal.path}: cannot be converted ({error}); it is kept and tried again")
                break
            _tell(work, wal, report)


def _converted(work: Maintenance, wal: Wal, pending: list[Erasure]) -> dict[str, Any]:
    report: dict[str, Any] = orjson.loads(log_to_parquet(str(wal.path), str(work.log.rows)))
    for erasure in pending:
        erase_from(work, erasure, map(Path, report["files"]), pending)
    with work.log.changing():
        wal.path.unlink(missing_ok=True)  # the server makes room too
        sync_folder(wal.path.parent)
    return report


def _tell(work: Maintenance, wal: Wal, report: dict[str, Any]) -> None:
    work.report.converted += 1
    work.report.rows += report["rows"]
    if report["lost_octets"]:
        work.report.problems.append(f"{wal.path.name}: {report['lost_octets']} octets at its end were damaged and lost")


def waiting(work: Maintenance) -> dict[Class, int]:
    """How many closed files of each class wait to be converted."""
    closed = work.log.list().closed
    return {class_: sum(1 for one in closed if one.class_ == class_) for class_ in CLASSES}
