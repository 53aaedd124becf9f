"""The running monitor's own work does not wait for its jobs."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.unit.monitoring.conftest import NOW
from tests.unit.reports.conftest import ROOT

from schoolgate._core import log_read
from schoolgate.config import parse
from schoolgate.monitoring.monitor import Monitor


async def test_jobs_that_hang_hold_up_neither_watching_nor_messages(tmp_path: Path) -> None:
    settings = parse(
        f'[server]\nstate_dir = "{tmp_path}"\n[lists]\ndir = "{ROOT / "lists"}"\n', "schoolgate.toml", folder=tmp_path
    )
    (tmp_path / "monitor").mkdir()
    monitor = Monitor(None, settings, log_read, lambda: NOW)
    may_end = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))
    hung = [asyncio.ensure_future(asyncio.to_thread(may_end.wait, 120)) for _ in range(3)]
    try:
        async with asyncio.timeout(60):
            await monitor._read_policy(NOW)
            await monitor._escalate(NOW)
            await monitor.post(["lead@school.example"], "Report", "Text", key="report-1")
            assert await monitor._delivery.step(NOW) == 1
            await monitor._stop()
    finally:
        may_end.set()
        await asyncio.gather(*hung)
