"""The real server, which at SIGUSR1 keeps event loop and Python's lock to itself as long as the file $STALL is there.

`sum` over a range runs in C without ever giving the lock up, as a defect in any C extension could.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType

from schoolgate.__main__ import main

# About a tenth of a second each; between two of them it is looked whether that is enough.
ADDED_AT_ONCE = 5_000_000


def _stall(_number: int, _frame: FrameType | None) -> None:
    Path(os.environ["STALLED"]).touch()
    stall = Path(os.environ["STALL"])
    while stall.exists():
        sum(range(ADDED_AT_ONCE))


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _stall)
    main()
