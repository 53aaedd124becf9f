"""The log's upkeep by a clock of the test: a round that hangs, or another that never ends, is said."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.monitoring.conftest import NOW

from schoolgate.jobs import log_keeping as keeping
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.log_keeping import Keeping, LogNotKept
from schoolgate.querylog.keeper import KeeperBusy


def made(monkeypatch: pytest.MonkeyPatch, tick: Any, tmp_path: Any) -> Keeping:
    monkeypatch.setattr(keeping, "Keeper", lambda *_: SimpleNamespace(tick=tick))
    place = SimpleNamespace(settings=SimpleNamespace(retention=None), state_dir=tmp_path, is_read=None)
    return Keeping(cast(JobContext, place))


async def test_a_round_of_ours_that_hangs_is_a_failure_of_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    may_end = threading.Event()

    def tick(_: dt.datetime) -> Any:
        may_end.wait(120)
        return SimpleNamespace(problems=[], converted=0, rows=0)

    job = made(monkeypatch, tick, tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await job.work(NOW)
    with pytest.raises(LogNotKept, match="has not ended"):
        await job.work(NOW + dt.timedelta(hours=1))
    may_end.set()
    await job.ended()
    assert await job.work(NOW + dt.timedelta(hours=2)) is None


async def test_a_log_that_another_keeps_for_hours_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def tick(_: dt.datetime) -> Any:
        raise KeeperBusy("busy")

    job = made(monkeypatch, tick, tmp_path)
    for minutes in (0, 30, 60):
        assert "another process" in str(await job.work(NOW + dt.timedelta(minutes=minutes)))
    with pytest.raises(LogNotKept, match="more than an hour"):
        await job.work(NOW + dt.timedelta(minutes=61))
