"""What a process holds in memory stays out of core files."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import ctypes, resource
from schoolgate.sealed.memory import keep_private
keep_private()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_no_core_file_and_no_other_process_may_look() -> None:
    # prctl 3 is PR_GET_DUMPABLE; in a process of its own, because it cannot be taken back here.
    run = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[0] == "(0, 0) 0"
