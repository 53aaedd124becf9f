"""Programs under measurement: on which core they run, what they use, and that they end when we end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")
_END_WITHIN_S = 10.0


@cache
def cores() -> tuple[int, int]:
    """The server's core and the generator's, as first asked: the same on a machine of one core, where no figure is
    worth much."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1 % len(allowed)]


@dataclass(frozen=True)
class Memory:
    """Of a process and its children, in MiB. `rss` counts shared pages in full, `pss` in part."""

    rss: float
    pss: float


class Process:
    """A running program, bound to a core from its first instruction."""

    def __init__(
        self,
        command: Sequence[str],
        core: int,
        log: Path,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        """taskset becomes the program it starts."""
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def used_s(self) -> float:
        """Processor time of all its threads and living children."""
        return sum(_used_s(pid) for pid in self._family())

    def memory(self) -> Memory:
        rollups = [_rollup(pid) for pid in self._family()]
        return Memory(sum(one.rss for one in rollups), sum(one.pss for one in rollups))

    def resident_mib(self) -> float:
        """What the kernel counts anyway. `memory` walks all pages under a lock the process itself needs."""
        pages = 0
        for pid in self._family():
            with contextlib.suppress(OSError):  # it has just ended
                pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * _PAGE_OCTETS / 2**20

    def pause(self) -> None:
        """It waits while another is measured."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _family(self) -> list[int]:
        found, queue = [], [self.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    queue += map(int, (task / "children").read_text(encoding="ascii").split())
        return found


def _end_with_parent() -> None:
    """A measurement that is killed leaves no server behind that would answer the next one."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """UDP ports that no process has now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def _used_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _rollup(pid: int) -> Memory:
    values: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
            field, _, rest = line.partition(":")
            values[field] = int(rest.split()[0]) / 1024
    return Memory(values.get("Rss", 0.0), values.get("Pss", 0.0))
