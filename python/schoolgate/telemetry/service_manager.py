"""Messages to the service manager (sd_notify(3)): ready, reloading, stopping, and that we are alive.

Without a service manager every call does nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from sdnotify import SystemdNotifier

# Half the time would do (sd_watchdog_enabled(3)); a third leaves room for one that comes late.
FEEDS_PER_PERIOD = 3
# Lists of millions of names may have to be compiled first, on a slow machine: as long as a compile may take, and some.
LONG_START_S = 1_860


class ServiceManager:
    """Notifications to systemd; without it they go nowhere."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        self._notifier = SystemdNotifier() if variables.get("NOTIFY_SOCKET") else None
        self.feed_every_s = _feed_every_s(variables) if self._notifier is not None else None

    def ready(self, status: str) -> None:
        self._say(f"READY=1\nSTATUS={status}")

    def starting_takes_long(self) -> None:
        self._say(f"EXTEND_TIMEOUT_USEC={LONG_START_S * 1_000_000}\nSTATUS=building the lists")

    def reloading(self) -> None:
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._say(f"RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reading configuration, policy and lists")

    def stopping(self) -> None:
        self._say("STOPPING=1\nSTATUS=sending the last answers")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def close(self) -> None:
        """Closes the socket; no message goes out any more."""
        notifier, self._notifier = self._notifier, None
        if notifier is not None and notifier.socket is not None:
            notifier.socket.close()

    def _say(self, state: str) -> None:
        if self._notifier is not None:
            self._notifier.notify(state)


def _feed_every_s(environ: Mapping[str, str]) -> float | None:
    """How often the watchdog wants a message, or None when there is none or it is another process's."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        period_us = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return period_us / 1e6 / FEEDS_PER_PERIOD if period_us > 0 else None
