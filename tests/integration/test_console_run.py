"""`schoolgate run` starts the console, starts it again, and ends it with itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import PATIENT_S, READY_WITHIN_S, Serving

MOST_RESIDENT_KIB = 120 * 1024


def test_run_starts_the_console_starts_it_again_and_ends_it(start: Start) -> None:
    school = start(policy=POLICY, is_started=False)
    with school.log.open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "schoolgate", "run", "--config", str(school.config)], stdout=log, stderr=log
        )
    try:
        first = _console(running.pid, but=0)
        address = _address(school, 1)
        with urllib.request.urlopen(f"{address}healthz", timeout=PATIENT_S) as answer:
            assert answer.read() == b"ok\n"
        assert _resident_kib(first) <= MOST_RESIDENT_KIB
        os.kill(first, signal.SIGKILL)
        second = _console(running.pid, but=first)
        _address(school, 2)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENT_S) == 0
        assert not Path(f"/proc/{second}").exists()
        assert "Traceback" not in school.said()
    finally:
        running.kill()
        running.wait(PATIENT_S)


def _console(parent: int, but: int) -> int:
    """The console process that a process started, other than `but`."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text(encoding="ascii").rpartition(")")[2].split()
                words = (path.parent / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            pid = int(path.parent.name)
            if int(fields[1]) == parent and b"console" in words and pid != but and fields[0] != "Z":
                return pid
        time.sleep(0.02)
    raise AssertionError("no console was started")


def _address(school: Serving, times: int) -> str:
    """Where the console said that it is, once it said so so many times."""
    deadline = time.monotonic() + READY_WITHIN_S
    while len(found := re.findall(r'"address":"(http://127\.0\.0\.1:\d+/)"', school.said())) < times:
        assert time.monotonic() < deadline, school.said()
        time.sleep(0.02)
    return str(found[-1])


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])
