"""Maintenance of the query log, a round at a time: convert, erase, compact, count.

It never reads a clock, never touches the file the server writes, and can be killed anywhere: the next round goes on.
Memory-hungry work is done in a child process. A round blocks for seconds: call it in a thread.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.config.retention import Retention
from schoolgate.querylog.clock import look_at_clock
from schoolgate.querylog.compaction import SETTLED, compact, remove_covered
from schoolgate.querylog.conversion import MayDelete, convert
from schoolgate.querylog.erasure import Cleared, carry_out
from schoolgate.querylog.key_keeping import forget_keys
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.log_query import LogProblem
from schoolgate.querylog.maintenance import KeeperReport, Maintenance
from schoolgate.querylog.process import WorkerProcess
from schoolgate.querylog.retention import WAIT_FOR_ROOM, Free, erase_old, free_octets, make_room
from schoolgate.querylog.rollups import roll_up
from schoolgate.querylog.scratch import sweep


class KeeperBusy(LogProblem):
    """Another process maintains this log right now."""


class Keeper:
    """Maintains the log in `folder` (`<state_dir>/log`). `may_delete(class, number)`: the monitor has read that WAL."""

    def __init__(self, folder: Path, retention: Retention, may_delete: MayDelete, *, free: Free = free_octets) -> None:
        self.log = LogFolder(folder)
        self._retention = retention
        self._may_delete = may_delete
        self._free = free
        self._compacted: tuple[dt.date, int] | None = None
        self._keys_looked_at: tuple[dt.date, int] | None = None
        self._cleared: Cleared = {}
        self._room_made: dt.datetime | None = None

    def tick(self, now: dt.datetime) -> KeeperReport:
        """One round: whatever is due at `now`. Raises `KeeperBusy`; everything else is a problem in the report."""
        report = KeeperReport()
        if not self.log.folder.is_dir():
            return report
        worker = WorkerProcess(self.log.folder, "maintain")
        try:
            with self.log.maintained():
                self._round(Maintenance(self.log, worker, report), now)
        except BlockingIOError:
            raise KeeperBusy("another process maintains the query log; try again in a minute") from None
        finally:
            worker.close()
        return report

    def _round(self, work: Maintenance, now: dt.datetime) -> None:
        """Space first: everything else needs it. A step that fails keeps none of the others."""
        sweep(self.log.scratch)
        for step in (
            self._remove_covered,
            self._erase,
            self._erase_asked,
            self._convert,
            self._erase_asked,
            self._tidy,
            self._forget_keys,
        ):
            try:
                step(work, now)
            except (LogProblem, OSError) as error:
                work.report.problems.append(str(error))
        work.report.problems = list(dict.fromkeys(work.report.problems))

    def _remove_covered(self, work: Maintenance, now: dt.datetime) -> None:
        remove_covered(work, self.log.list())

    def _erase(self, work: Maintenance, now: dt.datetime) -> None:
        clock = look_at_clock(self.log, now)
        if clock.problem is None:
            erase_old(work, self._retention, now)
        else:
            work.report.problems.append(clock.problem)
        if self._room_made is None or not self._room_made <= now < self._room_made + WAIT_FOR_ROOM:
            self._room_made = now if make_room(work, self._retention, clock.believed, self._free) else None

    def _erase_asked(self, work: Maintenance, now: dt.datetime) -> None:
        carry_out(work, now, self._cleared)

    def _convert(self, work: Maintenance, now: dt.datetime) -> None:
        convert(work, self._may_delete)

    def _tidy(self, work: Maintenance, now: dt.datetime) -> None:
        """Compaction and rollups, once an hour."""
        hour = _hour_of(now - SETTLED)
        if hour == self._compacted:
            return
        compact(work, now)
        roll_up(work)
        self._compacted = hour

    def _forget_keys(self, work: Maintenance, now: dt.datetime) -> None:
        """Once an hour, and when rows went."""
        hour = _hour_of(now)
        if hour == self._keys_looked_at and not work.report.erased:
            return
        forget_keys(work, now)
        self._keys_looked_at = hour


def _hour_of(now: dt.datetime) -> tuple[dt.date, int]:
    at = now.astimezone(dt.UTC)
    return at.date(), at.hour
