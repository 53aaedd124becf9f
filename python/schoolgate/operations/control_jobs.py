"""What the control process does by the clock: each in a task of its own, so that one that fails stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from schoolgate.accounts.roles import Role
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.operations.accounts import leavers_reading
from schoolgate.operations.actor import Actor
from schoolgate.operations.operations import Operations
from schoolgate.operations.recorder import Recorder
from schoolgate.operations.system_clock import Clock
from schoolgate.querylog.idle_workers import IDLE, IDLE_S
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place
from schoolgate.telemetry import Logger

MINUTE_S, DAY_S = 60.0, 86_400.0
# What a run of a job has at the end of the process: a transaction that is open is closed by its own code.
ENDS_WITHIN_S = 5.0
CHECKPOINTS = "job:checkpoint"
REQUESTS = Actor("job:requests", "schoolgate", frozenset({Role.network_manager}))

_log = Logger("schoolgate.control")


@dataclass(frozen=True)
class ControlJob:
    """`at_once`: at the start, too. Between the ends of two runs lie `every_s` seconds."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]
    at_once: bool = False


class ControlJobs:
    """The jobs of one running control process. `settings` gives those of now."""

    def __init__(
        self, operations: Operations, recorder: Recorder, settings: Callable[[], Settings], clock: Clock
    ) -> None:
        self._operations = operations
        self._recorder = recorder
        self._settings = settings
        self._clock = clock
        # What was said of requests that cannot be followed up, by number.
        self._requests_said: dict[int, str] = {}

    def all(self) -> list[ControlJob]:
        """Every job."""
        return [
            ControlJob("idle workers", IDLE_S, self._end_idle_workers),
            # Attempts that were only counted reach the audit log.
            ControlJob("attempts", MINUTE_S, self._recorder.flush),
            ControlJob("checkpoint", 15 * MINUTE_S, self._checkpoint),
            # At the start too, for a process that is started anew each day.
            ControlJob("old sessions", DAY_S, self._forget, at_once=True),
            # Each directory is read once a day; how often it is asked whether one is due.
            ControlJob("leavers", 10 * MINUTE_S, self._read_leavers, at_once=True),
            ControlJob("what is due", MINUTE_S, self._write_dues, at_once=True),
            ControlJob("service record", MINUTE_S, self._note_service, at_once=True),
            # At the start too: a process may have been killed between the approval and the change.
            ControlJob("requests", MINUTE_S, self._requests, at_once=True),
            # The first look leaves a school that starts time to come up.
            ControlJob("checks", 5 * MINUTE_S, self._check_segments),
            # A change of the setup is found within five minutes.
            ControlJob("drift", 4 * MINUTE_S, self._look_for_drift),
        ]

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for job in self.all():
                group.create_task(again_and_again(job))

    async def _end_idle_workers(self) -> None:
        await asyncio.to_thread(IDLE.end_old)

    async def _checkpoint(self) -> None:
        """Signs the audit log as it is."""
        place = Place.in_folder(self._settings().server.state_dir)
        await audit_operations.checkpoint_in(self._recorder.store, place.key, CHECKPOINTS, self._clock.now_us())

    async def _forget(self) -> None:
        """Sessions of a month ago, with the addresses in them."""
        from schoolgate.accounts import sessions

        await sessions.forget_old(self._recorder.store, self._clock.now_us())

    async def _read_leavers(self) -> None:
        """People who left, where a provider's directory is read."""
        for one in await leavers_reading.read_due(self._recorder.store, self._settings(), self._clock.now_us()):
            if one.problem:
                _log.warning("a directory was not read", provider=one.provider, problem=one.problem)
            elif one.disabled:
                _log.info("people left", provider=one.provider, disabled=one.disabled)

    async def _write_dues(self) -> None:
        """For reports, detectors and schedules: they are of processes that do not open the store."""
        from schoolgate.operations.devices import published_groups
        from schoolgate.operations.governance import school_days
        from schoolgate.operations.governance.due_lines import write_due_lines

        await write_due_lines(self._recorder.store, self._settings().server.state_dir, self._clock.now_us())
        await school_days.publish(self._recorder.store, self._settings().server.state_dir)
        await published_groups.publish(self._recorder.store, self._settings().server.state_dir)

    async def _note_service(self) -> None:
        """Whether the server answers now, for the monthly report."""
        from schoolgate.operations.governance.service_report import note_service

        await asyncio.to_thread(note_service, self._settings(), self._clock.now())

    async def _requests(self) -> None:
        """What was approved and is not in force, and what has ended. Each that failed is said once, and tried again."""
        kept = await self._operations.call(REQUESTS, "request.keep_up", {})
        failed = {one.number: one.said for one in kept.failed}
        for number, said in failed.items():
            if self._requests_said.get(number) != said:
                _log.error("look at this", work="requests", problem=f"request {number}: {said}")
        self._requests_said = failed

    async def _check_segments(self) -> None:
        """From inside each segment, each hour."""
        from schoolgate.operations.governance import check_runs

        await check_runs.run_if_due(self._operations, self._settings(), self._clock.now())

    async def _look_for_drift(self) -> None:
        """What is set up, against what was agreed; by the settings as they are on the disk now."""
        from schoolgate.operations.governance import check_drift

        settings = await asyncio.to_thread(self._settings)
        await check_drift.look(self._recorder.store, settings, self._clock.now())


async def again_and_again(job: ControlJob) -> None:
    """Until cancelled. What fails is said once, and tried again."""
    failing = False
    if not job.at_once:
        await asyncio.sleep(job.every_s)
    while True:
        try:
            await _whole(job)
            failing = False
        except Exception as error:
            if not failing:
                is_known = isinstance(error, (SchoolgateError, OSError))
                _log.error("look at this", work=job.name, problem=str(error), exc_info=None if is_known else error)
            failing = True
        await asyncio.sleep(job.every_s)


async def _whole(job: ControlJob) -> None:
    """One run; when the process ends it is cut only if it takes too long."""
    run = asyncio.ensure_future(job.work())
    try:
        await asyncio.shield(run)
    except asyncio.CancelledError:
        await asyncio.wait({run}, timeout=ENDS_WITHIN_S)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        raise
