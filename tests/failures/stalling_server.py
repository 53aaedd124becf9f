"""The real server, which at SIGUSR1 keeps its event loop and Python's global lock to itself for a while.

`sum` over a range runs in C without ever giving the lock up, as a defect in any C extension could.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import FrameType

from schoolgate.__main__ import main

# About a tenth of a second each; between two of them the clock is read.
ADDED_AT_ONCE = 5_000_000


def _stall(_number: int, _frame: FrameType | None) -> None:
    marker = Path(os.environ["STALL_MARKER"])
    until = time.monotonic() + float(os.environ["STALL_S"])
    marker.touch()
    while time.monotonic() < until:
        sum(range(ADDED_AT_ONCE))
    marker.unlink()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _stall)
    main()
