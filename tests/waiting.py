"""Waits of tests for what another process or task brings about: looked for again and again, and failed in vain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

# However slow the machine: this ends a wait for what does not come about, and says nothing about how long it may take.
PATIENT_S = 60.0
T = TypeVar("T")


class Process(Protocol):
    """What may end while a test waits for it."""

    def poll(self) -> int | None: ...


def until(
    look: Callable[[], T | None],
    said: Callable[[], object] = lambda: "",
    within_s: float = PATIENT_S,
    *,
    process: Process | None = None,
) -> T:
    """The first true value of `look`. Fails with `said` after `within_s` seconds, or at once if `process` has ended."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert process is None or process.poll() is None, f"it ended: {said()}"
        assert time.monotonic() < deadline, f"waited in vain: {said()}"
        time.sleep(0.02)
    return found


async def until_turned(look: Callable[[], object], within_s: float = PATIENT_S) -> None:
    """Lets the event loop turn until `look` is true; fails after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not look():  # noqa: ASYNC110 (what is waited for happens in sockets and other tasks)
            await asyncio.sleep(0)
