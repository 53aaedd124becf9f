"""One list build: find, compile in another process, prove, publish. What fails leaves the last good snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import Snapshot, SnapshotCorrupt
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.lists.inputs import ListInput, list_inputs
from schoolgate.lists.proof import CanaryMissing, prove
from schoolgate.lists.snapshots import SnapshotStore

# Millions of names compile in seconds; a build that takes this long hangs.
LONGEST_COMPILE_S = 1800.0
_COMMAND = (sys.executable, "-m", "schoolgate.lists.compile")


class ListsNotBuilt(SchoolgateError):
    """No new snapshot was published; the message says why and what stays in force."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `skipped` counts lines that gave no rule, by reason, with the first of them as examples."""

    serial: int
    path: Path
    names: int
    entries: int
    size_octets: int
    lists: int
    proved: int
    sources: tuple[dict[str, Any], ...]
    skipped: dict[str, dict[str, Any]]


def build(settings: Settings, say: Callable[[str], None] = lambda _: None) -> BuildReport:
    """Compiles every list and publishes the snapshot. Raises `ListsNotBuilt`. `say` is told each step as it begins."""
    store = SnapshotStore(settings.server.state_dir)
    try:
        with store.building():
            return _build(settings, store, say)
    except ListsNotBuilt:
        raise
    except (SchoolgateError, OSError) as error:
        raise ListsNotBuilt(f"{error}\n{_what_stays(store)}") from error


def _build(settings: Settings, store: SnapshotStore, say: Callable[[str], None]) -> BuildReport:
    say("finding lists")
    inputs = list_inputs(settings, store.work)
    serial = store.next_serial()
    candidate = store.work / f"{serial}.candidate"
    try:
        say(f"compiling {len(inputs)} lists")
        report = compile_apart(inputs, candidate, serial)
        say("proving")
        proved = prove(Snapshot.open(str(candidate)), inputs)
        say("publishing")
        path = store.publish(candidate, serial)
    except (CanaryMissing, SnapshotCorrupt) as error:
        raise ListsNotBuilt(f"{error}\n{_what_stays(store)}") from error
    finally:
        candidate.unlink(missing_ok=True)
    return BuildReport(
        serial=serial,
        path=path,
        names=report["names"],
        entries=report["entries"],
        size_octets=report["size_octets"],
        lists=len(inputs),
        proved=proved,
        sources=tuple(report["sources"]),
        skipped=report["skipped"],
    )


def compile_apart(
    inputs: Sequence[ListInput], out: Path, serial: int, timeout_s: float = LONGEST_COMPILE_S
) -> dict[str, Any]:
    """The compiler's report, from a process of its own. Raises `ListsNotBuilt`."""
    job = {
        "inputs": [(str(one.path), one.feed, one.category, one.match) for one in inputs],
        "out": str(out),
        "serial": serial,
    }
    try:
        # No shell, our own interpreter, and nothing of the service manager's that a child could answer for us.
        run = subprocess.run(
            _COMMAND,
            input=orjson.dumps(job),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={key: value for key, value in os.environ.items() if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")},
        )
    except subprocess.TimeoutExpired as error:
        raise ListsNotBuilt(f"compiling took longer than {timeout_s:.0f} s and was ended; try again") from error
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace").strip() or f"the compiler ended with code {run.returncode}"
        raise ListsNotBuilt(said)
    report: dict[str, Any] = orjson.loads(run.stdout)
    return report


def _what_stays(store: SnapshotStore) -> str:
    serial = store.current_serial()
    if serial is None:
        return "no lists were built before, so there is nothing to fall back to"
    return f"the lists in force stay: serial {serial}"
