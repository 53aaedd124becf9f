"""`schoolgate control`: does operations for people and jobs, and keeps the audit log. DNS needs none of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from schoolgate.accounts.roles import Role
from schoolgate.config import Settings, load
from schoolgate.errors import SchoolgateError
from schoolgate.operations.control_jobs import ControlJobs
from schoolgate.operations.hosting import recording
from schoolgate.operations.operations import Operations
from schoolgate.operations.recorder import Recorder
from schoolgate.operations.socket_service import OperationsSocket
from schoolgate.operations.system_clock import Clock, SystemClock
from schoolgate.querylog.idle_workers import IDLE
from schoolgate.storage.applied_settings import find_settings
from schoolgate.telemetry import Logger, ServiceManager

# A start waits for a command that has the store.
STARTS_WITHIN_S = 30.0

_log = Logger("schoolgate.control")


def run(config: Path | None, *, until_stdin_ends: bool = False) -> None:
    """Until SIGTERM or SIGINT. Raises a `SchoolgateError` when it cannot start."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = find_settings(config).settings
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(Control(config, settings, SystemClock()).run(until_stdin_ends=until_stdin_ends))


class Control:
    """One running control process."""

    def __init__(self, config: Path | None, settings: Settings, clock: Clock) -> None:
        self._config = config
        self._settings = settings
        self._clock = clock
        self._stopping = asyncio.Event()

    async def run(self, *, until_stdin_ends: bool = False) -> None:
        """Starts, does operations until it is stopped, and ends when those under way have ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        if until_stdin_ends:
            loop.add_reader(sys.stdin.fileno(), self._parent_gone)
        with contextlib.closing(ServiceManager()) as manager:
            async with recording(self._settings, self._clock, patience_s=STARTS_WITHIN_S) as recorder:
                await self._serve(recorder, manager)
        _log.info("stopped")

    async def _serve(self, recorder: Recorder, manager: ServiceManager) -> None:
        async def opened() -> Recorder:
            return recorder

        operations = Operations(self._config, opened, self._clock)
        socket = OperationsSocket(
            self._settings.server.operations_socket,
            operations,
            self._local_roles,
            console_user=self._settings.operations.console_user,
        )
        await socket.start()
        IDLE.begin()
        jobs = asyncio.create_task(ControlJobs(operations, recorder, self._settings_now, self._clock).run())
        try:
            manager.ready("doing operations")
            _log.info("ready", socket=str(socket.path))
            await self._stopping.wait()
        finally:
            manager.stopping()
            jobs.cancel()
            await asyncio.gather(jobs, return_exceptions=True)
            await socket.stop()
            await operations.close()
            await asyncio.to_thread(IDLE.end)

    def _local_roles(self) -> frozenset[Role]:
        return frozenset(map(Role, self._settings_now().operations.local_roles))

    def _settings_now(self) -> Settings:
        """As the file says now; one with a mistake in it leaves the last ones."""
        with contextlib.suppress(SchoolgateError, OSError):
            self._settings = load(self._config)
        return self._settings

    def _parent_gone(self) -> None:
        """The service that started us holds the other end: when it ends, however it ends, so do we."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stopping.set()
