"""The clock that operations are dated by."""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """UTC, as aware time and as microseconds since 1970."""

    def now(self) -> dt.datetime: ...

    def now_us(self) -> int: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def now_us(self) -> int:
        return time.time_ns() // 1000
