"""The log as it grows: rows of the write-ahead files, a moment after they were written. Only read, never changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from schoolgate._core import log_read
from schoolgate.querylog.check_rows import CheckRows
from schoolgate.querylog.layout import CLASSES, Class, LogFolder
from schoolgate.querylog.log_query import PSEUDONYM, Query, Row, microseconds, row_of_log

# What one look takes in at most; more comes with the next.
ROWS_AT_ONCE = 5_000


class Tail:
    """Follows both classes from the end of what there is. `recent`: the newest rows there were then, oldest first."""

    def __init__(self, log: LogFolder, recent: int = 0) -> None:
        self._log = log
        self._at: dict[Class, tuple[int, int]] = {}
        for wal in log.list().wals:
            self._at[wal.class_] = (wal.number, 0)
        newest: deque[Row] = deque(maxlen=recent)
        for class_ in self._at:
            while rows := self._next(class_):
                newest.extend(rows)
        self.recent = sorted(newest, key=lambda row: row.time)

    @property
    def place(self) -> dict[Class, tuple[int, int]]:
        """How far it has read: file number and octets of each class."""
        return dict(self._at)

    def go_to(self, place: dict[Class, tuple[int, int]]) -> None:
        """Reads on from a place that `place` gave."""
        self._at = dict(place)

    def new_rows(self) -> list[Row]:
        """What was written since the last look, oldest first."""
        found = [row for class_ in CLASSES for row in self._next(class_)]
        return sorted(found, key=lambda row: row.time)

    def _next(self, class_: Class) -> list[Row]:
        numbers = [wal.number for wal in self._log.list().wals if wal.class_ == class_]
        number, offset = self._at.get(class_, (0, 0))
        while numbers:
            rows, offset = self._read(class_, number, offset)
            # Rows may have come between the listing and the reading, but none after a higher number was listed.
            later = [one for one in numbers if one > number]
            if rows or not later:
                self._at[class_] = (number, offset)
                return rows
            number, offset = later[0], 0
        return []

    def _read(self, class_: Class, number: int, offset: int) -> tuple[list[Row], int]:
        try:
            rows, offset = log_read(str(self._log.wal / f"{class_}-{number:020}.wal"), offset, ROWS_AT_ONCE)
        except OSError:  # converted by now, or none yet
            return [], offset
        return [row_of_log(one, class_) for one in rows], offset


def matches(query: Query, clients: Sequence[str], row: Row, own: CheckRows) -> bool:
    """Whether a row is one of those asked for; what `conditions_of` says to DuckDB. `own`: rows of our own checks."""
    if query.since is not None and row.time < query.since:
        return False
    if query.until is not None and row.time >= query.until:
        return False
    if query.pseudonyms and not row.client.startswith(PSEUDONYM):
        return False
    if query.own_checks != "with":
        is_own = own.has(row.client, row.qname, microseconds(row.time))
        if is_own != (query.own_checks == "only"):
            return False
    one_of = (
        (clients, row.client),
        (query.segments, row.segment),
        (query.policies, row.policy),
        (query.categories, row.category),
        (query.actions, row.action),
        (query.layers, row.layer),
        (query.sources, row.source),
        (query.qtypes, row.qtype),
        ((query.class_,) if query.class_ else (), row.class_),
    )
    return all(not wanted or value in wanted for wanted, value in one_of) and _names(query, row.qname)


def _names(query: Query, qname: str) -> bool:
    if query.name is None:
        return True
    if query.match == "contains":
        return query.name in qname
    is_below = query.match == "suffix" and (query.name == "." or qname.endswith(f".{query.name}"))
    return qname == query.name or is_below
