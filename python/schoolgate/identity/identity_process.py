"""`schoolgate identity`: reads the sources, and writes the table of bindings for the others. A process of its own.

It holds no key and no log: what hostile devices put into lease files is parsed here and nowhere else. Killing it costs
no query; the last table counts until its leases end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from schoolgate.config import Settings, load
from schoolgate.identity.binding_table import EMPTY, BindingTable, bind
from schoolgate.identity.bindings_file import FOLDER, counted, read_bindings, write_bindings, write_status
from schoolgate.identity.source_reading import SourceReader
from schoolgate.storage import state_dir
from schoolgate.storage.checked_file import CheckedFileDamaged
from schoolgate.telemetry import Logger, ServiceManager

NICENESS = 10
FOLDER_MODE = 0o750
STATUS_EVERY_S = 5.0
# Reading takes at most this part of the time: a large file on a slow machine is read less often.
_REST = 4

_log = Logger("schoolgate.identity")


def run(config: Path | None, *, until_stdin_ends: bool = False) -> None:
    """Until SIGTERM or SIGINT. Raises a `SchoolgateError` when it cannot start."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = load(config)
    if not settings.identity.sources:
        _log.info("no source says which device has an address ([identity] sources)")
        return
    own = settings.server.state_dir / FOLDER
    if not own.is_dir():
        # Where this user is not the service's, the directory was made for it when schoolgate was installed.
        state_dir.prepare(settings.server.state_dir)
        own.mkdir(mode=FOLDER_MODE, exist_ok=True)
    state_dir.refuse_strangers(own, ("identity",))
    with state_dir.held(own), contextlib.suppress(asyncio.CancelledError):
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
        asyncio.run(_run(settings, until_stdin_ends))


async def _run(settings: Settings, until_stdin_ends: bool) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), _parent_gone, loop, stopping)
    reading = Reading(settings)
    with contextlib.closing(ServiceManager()) as manager:
        manager.ready("reading which device has an address")
        _log.info("ready", sources=[one.called for one in settings.identity.sources])
        while not stopping.is_set():
            began = loop.time()
            await asyncio.to_thread(reading.step)
            manager.alive()
            wait_s = max(settings.identity.read_every_s, _REST * (loop.time() - began))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await stopping.wait()
        manager.stopping()
    _log.info("stopped")


def _parent_gone(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """The service that started us holds the other end: when it ends, however it ends, so do we."""
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stopping.set()


def _now_us() -> int:
    return time.time_ns() // 1000


class Reading:
    """All sources, and the table that was made of them last."""

    def __init__(self, settings: Settings, now_us: Callable[[], int] = _now_us) -> None:
        self._state_dir = settings.server.state_dir
        self._now_us = now_us
        self._readers = [SourceReader(one) for one in settings.identity.sources]
        self._problems: tuple[str, ...] = ()
        self._written: BindingTable | None = None
        self._said_us = 0
        self._table = self._earlier()

    def step(self) -> BindingTable:
        """One look at each source. The files are written where something changed."""
        now_us = self._now_us()
        for reader in self._readers:
            reader.look(now_us)
        claims = [claim for reader in self._readers for claim in reader.claims]
        self._table = bind(claims, now_us, self._table)
        self._write(now_us)
        return self._table

    def _earlier(self) -> BindingTable:
        """The table of the process before: sources that do not say since when go on from it."""
        try:
            return read_bindings(self._state_dir)
        except CheckedFileDamaged:
            return EMPTY

    def _write(self, now_us: int) -> None:
        problems = [one.problem for one in (reader.state for reader in self._readers) if one.problem]
        try:
            if self._table != self._written:
                write_bindings(self._state_dir, self._table)
                self._written = self._table
                self._said_us = 0
        except OSError as error:
            problems.append(f"the table of devices cannot be written: {error}")
        self._say(problems)
        if tuple(problems) != self._problems or now_us - self._said_us >= STATUS_EVERY_S * 1_000_000:
            self._problems, self._said_us = tuple(problems), now_us
            with contextlib.suppress(OSError):
                write_status(
                    self._state_dir,
                    counted(self._table, (one.state for one in self._readers), now_us, problems),
                )

    def _say(self, problems: list[str]) -> None:
        """Each problem once, when it begins and when it ends."""
        for problem in sorted(set(problems) - set(self._problems)):
            _log.warning("look at this", problem=problem)
        for problem in sorted(set(self._problems) - set(problems)):
            _log.info("well again", what=problem)
