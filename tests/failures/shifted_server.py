"""The real server, whose wall clock is as many seconds off as the file $CLOCK_OFFSET says.

Setting the machine's clock is for root on a machine of its own; where the service reads it, any test may stand in.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from schoolgate.__main__ import main
from schoolgate.server import policy_clock as policy_clock


def _now() -> dt.datetime:
    path = Path(os.environ["CLOCK_OFFSET"])
    offset_s = float(path.read_text("ascii")) if path.exists() else 0.0
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset_s)


if __name__ == "__main__":
    vars(policy_clock)["now"] = _now
    main()
