"""The real server, whose plane says that a worker died as soon as the file $WORKER_DIED is there.

A thread cannot be killed from outside without the whole process, so the plane's report is changed, and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from schoolgate.__main__ import main
from schoolgate._core import Doors
from schoolgate.config import Settings
from schoolgate.server import start


class LamePlane:
    """A plane, but for its `stats`."""

    def __init__(self, *arguments: Any) -> None:
        self.whole = _PLANE(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def stats(self) -> bytes:
        counted = orjson.loads(self.whole.stats())
        if Path(os.environ["WORKER_DIED"]).exists():
            counted["workers_alive"] -= 1
        return orjson.dumps(counted)


def open_doors(plane: LamePlane, settings: Settings) -> Doors:
    """The doors of the plane itself, which know no other."""
    return _OPEN_DOORS(plane.whole, settings)


_PLANE: Any = vars(start)["Plane"]
_OPEN_DOORS: Any = vars(start)["open_doors"]

if __name__ == "__main__":
    vars(start)["Plane"] = LamePlane
    vars(start)["open_doors"] = open_doors
    main()
