"""The store behind operations, opened for one process at a time: the control process, or a command line without it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from schoolgate.config import Settings
from schoolgate.operations.errors import OperationProblem
from schoolgate.operations.operations import Operations
from schoolgate.operations.system_clock import Clock
from schoolgate.storage import state_dir

if TYPE_CHECKING:
    from schoolgate.operations.recorder import Recorder

LOCK_NAME = "control.lock"
_AGAIN_S = 0.05


class HeldByAnother(OperationProblem):
    """Another process does operations with this state directory."""


@asynccontextmanager
async def hosted(config: Path | None, settings: Settings, clock: Clock) -> AsyncIterator[Operations]:
    """Operations in this process. The store is locked and opened by the first that needs it.

    Raises `HeldByAnother` where a process that does operations has it.
    """
    async with contextlib.AsyncExitStack() as stack:
        opening = asyncio.Lock()
        opened: list[Recorder] = []

        async def recorder() -> Recorder:
            async with opening:
                if not opened:
                    opened.append(await stack.enter_async_context(recording(settings, clock)))
                return opened[0]

        operations = Operations(config, recorder, clock)
        stack.push_async_callback(operations.close)
        yield operations


@asynccontextmanager
async def recording(settings: Settings, clock: Clock, *, patience_s: float = 0.0) -> AsyncIterator[Recorder]:
    """The audit log of this installation, locked and open; waits so long for the lock. Raises `HeldByAnother` and what
    `Store.open` raises."""
    # What only looks does without a database, and without half a second to load one.
    from schoolgate.operations.recorder import Recorder
    from schoolgate.storage.audit_operations import Place
    from schoolgate.storage.store import Store

    folder = settings.server.state_dir
    state_dir.prepare(folder)
    async with _held(folder / LOCK_NAME, patience_s):
        place = Place.in_folder(folder)
        async with await Store.open(place.store, now_us=clock.now_us(), is_owner=True) as store:
            made = Recorder(store)
            await made.say_interrupted(clock.now_us())
            try:
                yield made
            finally:
                await made.flush()


@asynccontextmanager
async def _held(path: Path, patience_s: float) -> AsyncIterator[None]:
    """The kernel lets go of the lock when the process ends, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    deadline = time.monotonic() + patience_s
    try:
        while not _locked(descriptor):
            if time.monotonic() >= deadline:
                raise HeldByAnother(f"{path}: another schoolgate changes something just now; try again")
            await asyncio.sleep(_AGAIN_S)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
