"""What every part of maintenance works with: the folder, the worker process, and the report that is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schoolgate.querylog.layout import DAMAGED, LogFolder
from schoolgate.querylog.process import WorkerProcess

# A school's day is sorted in seconds; this is for a very large one on a slow disk.
LIMIT_S = 900.0


@dataclass
class KeeperReport:
    """What one round of maintenance did. `problems` are sentences for people."""

    converted: int = 0
    rows: int = 0
    compacted: int = 0
    rolled_up: int = 0
    erased: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Maintenance:
    """One round of maintenance."""

    log: LogFolder
    worker: WorkerProcess
    report: KeeperReport

    def rewrite(self, do: str, **what: Any) -> dict[str, Any] | None:
        """Has the worker make something; None where a source is damaged and put aside. Raises `LogProblem`."""
        found: dict[str, Any] = self.worker.ask(do, LIMIT_S, what=what)
        if "damaged" not in found:
            return found
        self._put_aside(found["damaged"])
        return None

    def _put_aside(self, paths: Sequence[str]) -> None:
        for path in map(Path, paths):
            with self.log.changing():
                path.replace(path.with_name(path.name + DAMAGED))
            self.report.problems.append(
                f"{path}: is damaged, and was put aside as {path.name}{DAMAGED}; restore it from a backup, or delete it"
            )
