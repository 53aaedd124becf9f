"""Jobs of the control process go on after a failure, and end with the process."""

from __future__ import annotations

import asyncio

import pytest

from schoolgate.operations import control_jobs
from schoolgate.operations.control_jobs import ControlJob, again_and_again


async def ended(job: asyncio.Task[None]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await job


async def test_a_defect_of_a_job_stops_no_later_run() -> None:
    runs = 0
    went_on = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("a defect")
        went_on.set()

    job = asyncio.create_task(again_and_again(ControlJob("one", 0.0, work, at_once=True)))
    await went_on.wait()
    job.cancel()
    await ended(job)


async def test_a_run_under_way_ends_whole_with_the_process() -> None:
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    steps = []

    async def work() -> None:
        begun.set()
        await may_go_on.wait()
        steps.append("closed")

    job = asyncio.create_task(again_and_again(ControlJob("one", 0.0, work, at_once=True)))
    await begun.wait()
    job.cancel()
    may_go_on.set()
    await ended(job)
    assert steps == ["closed"]


async def test_a_run_that_takes_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_jobs, "ENDS_WITHIN_S", 0.0)
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("what a library makes of it") from None

    job = asyncio.create_task(again_and_again(ControlJob("one", 0.0, work, at_once=True)))
    await begun.wait()
    job.cancel()
    await ended(job)
