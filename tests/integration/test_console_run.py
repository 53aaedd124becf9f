"""`schoolgate run` starts the console, starts it again, and ends it with itself."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import READY_WITHIN_S, Serving
from tests.waiting import PATIENT_S, until

MOST_RESIDENT_KIB = 120 * 1024


def test_run_starts_the_console_starts_it_again_and_ends_it(start: Start) -> None:
    school = start(policy=POLICY, is_started=False)
    with school.log.open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "schoolgate", "run", "--config", str(school.config)], stdout=log, stderr=log
        )
    try:
        first = until(lambda: _console(running.pid, but=0), school.said, READY_WITHIN_S, process=running)
        address = until(lambda: _addresses(school), school.said, READY_WITHIN_S)[0]
        with urllib.request.urlopen(f"{address}healthz", timeout=PATIENT_S) as answer:
            assert answer.read() == b"ok\n"
        assert _resident_kib(first) <= MOST_RESIDENT_KIB
        os.kill(first, signal.SIGKILL)
        second = until(lambda: _console(running.pid, but=first), school.said, READY_WITHIN_S, process=running)
        until(lambda: len(_addresses(school)) == 2, school.said, READY_WITHIN_S)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENT_S) == 0
        assert not Path(f"/proc/{second}").exists()
        assert "Traceback" not in school.said()
    finally:
        running.kill()
        running.wait(PATIENT_S)


def _console(parent: int, but: int) -> int | None:
    """The console process that a process started, other than `but`, if there is one."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(encoding="ascii").rpartition(")")[2].split()
            words = (path.parent / "cmdline").read_bytes().split(b"\0")
            pid = int(path.parent.name)
            if int(fields[1]) == parent and b"console" in words and pid != but and fields[0] != "Z":
                return pid
    return None


def _addresses(school: Serving) -> list[str]:
    """Where the console said that it is, at each of its starts."""
    return re.findall(r'"address":"(http://127\.0\.0\.1:\d+/)"', school.said())


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])
