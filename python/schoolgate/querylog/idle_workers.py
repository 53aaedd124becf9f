"""Workers that have answered and wait for the next question, in a process that asks often.

A worker takes a third of a second to start, which a page of the console would wait for each time. One that was idle
for a minute is ended: without questions no memory is held for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schoolgate.querylog.process import WorkerProcess

IDLE_S = 60.0
MOST_IDLE = 3


@dataclass(frozen=True)
class _Idle:
    folder: Path
    worker: WorkerProcess
    since: float


class IdleWorkers:
    """Those of this process. Until `begin`, none is kept: a command asks once and ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._is_keeping = False

    def begin(self) -> None:
        """Keeps workers from now on."""
        with self._lock:
            self._is_keeping = True

    def end(self) -> None:
        """Ends every idle worker and keeps no more."""
        with self._lock:
            self._is_keeping = False
        self.forget()

    def forget(self) -> None:
        """Ends every idle worker: what it read may have been erased since."""
        self._end(lambda _: True)

    def end_old(self) -> None:
        """Ends the workers that were idle for `IDLE_S`."""
        before = self._clock() - IDLE_S
        self._end(lambda one: one.since <= before)

    def take(self, folder: Path) -> WorkerProcess:
        """A worker that reads this log: an idle one, else one that starts at its first question."""
        with self._lock:
            for one in self._idle:
                if one.folder == folder and one.worker.is_alive:
                    self._idle.remove(one)
                    return one.worker
        return WorkerProcess(folder, "read")

    def give_back(self, folder: Path, worker: WorkerProcess) -> None:
        """Keeps a worker that has answered, or ends it."""
        with self._lock:
            is_kept = self._is_keeping and worker.is_alive and len(self._idle) < MOST_IDLE
            if is_kept:
                self._idle.append(_Idle(folder, worker, self._clock()))
        if not is_kept:
            worker.close()

    def _end(self, is_meant: Callable[[_Idle], bool]) -> None:
        with self._lock:
            ended = [one for one in self._idle if is_meant(one) or not one.worker.is_alive]
            self._idle = [one for one in self._idle if one not in ended]
        for one in ended:
            one.worker.close()


IDLE = IdleWorkers()
