"""The real server on a machine without time zone data, neither the system's nor Python's tzdata."""

from __future__ import annotations

import sys
import zoneinfo

from schoolgate.__main__ import main

if __name__ == "__main__":
    zoneinfo.reset_tzpath(to=())
    vars(sys)["modules"]["tzdata"] = None
    main()
