"""Notices when policies must be compiled again: a schedule's boundary, a new day, a clock that was set.

The plane never looks at the clock. This does, for it, each second.
"""

from __future__ import annotations

import datetime as dt

# The wall clock against the monotonic one: slewing by NTP stays far below, setting a clock or waking up goes beyond.
JUMP_S = 2.0
LONGEST_S = 86400.0


def now() -> dt.datetime:
    """The wall clock, in UTC: where the service reads it."""
    return dt.datetime.now(dt.UTC)


class PolicyClock:
    """Give it both clocks now and then; it says why to compile again. Setting the clock leaves `monotonic_s` alone."""

    def __init__(self, now: dt.datetime, monotonic_s: float) -> None:
        self._offset_s = now.timestamp() - monotonic_s
        self._compiled_at_s = monotonic_s
        self.jumps = 0

    def reason_to_compile(self, now: dt.datetime, monotonic_s: float, boundary: dt.datetime | None) -> str | None:
        """Why the policies must be compiled again, in a few words, or None."""
        offset_s = now.timestamp() - monotonic_s
        jumped_s = offset_s - self._offset_s
        if abs(jumped_s) > JUMP_S:
            self._offset_s = offset_s
            self.jumps += 1
            return f"the clock was set by {jumped_s:+.0f} s"
        # Slow drift is no jump.
        self._offset_s = offset_s
        if boundary is not None and now >= boundary:
            return "a schedule or an exception reached its boundary"
        if monotonic_s - self._compiled_at_s >= LONGEST_S:
            return "a day has passed"
        return None

    def compiled(self, monotonic_s: float) -> None:
        """They were compiled now."""
        self._compiled_at_s = monotonic_s


def seconds_until(now: dt.datetime, boundary: dt.datetime | None, at_most_s: float) -> float:
    """How long to sleep: until the boundary, but no longer than `at_most_s`."""
    if boundary is None:
        return at_most_s
    return min(at_most_s, max(0.01, (boundary - now).total_seconds()))
