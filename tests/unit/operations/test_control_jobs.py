"""Jobs of the control process go on after a failure, and end with the process."""

from __future__ import annotations

import asyncio

import pytest

from schoolgate.operations.control_jobs import ControlJob, _again_and_again


@pytest.mark.asyncio
async def test_a_defect_of_a_job_stops_no_later_run_and_a_cancellation_does() -> None:
    runs = 0
    went_on = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("a defect")
        went_on.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("what a library makes of it") from None

    job = asyncio.create_task(_again_and_again(ControlJob("one", 0.0, work, at_once=True)))
    await went_on.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert runs == 2
