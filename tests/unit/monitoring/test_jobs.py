"""A job that fails or hangs is said, and stops no other."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from tests.unit.monitoring.conftest import NOW

from schoolgate.jobs.runner import Job, Jobs
from schoolgate.monitoring import monitor_status as status_file
from schoolgate.storage.atomic_file import write_whole


async def fine(now: dt.datetime) -> str | None:
    return f"done at {now:%H:%M}"


async def broken(_now: dt.datetime) -> str | None:
    raise RuntimeError("it broke")


async def endless(_now: dt.datetime) -> str | None:
    await asyncio.Event().wait()
    return None


async def test_what_each_said_last_is_kept() -> None:
    jobs = Jobs([], lambda: NOW)
    for name, work in (("fine", fine), ("broken", broken), ("broken", broken), ("endless", endless)):
        await jobs.once(Job(name, 1, work, 0.01 if work is endless else 60.0))
    assert jobs.outcomes["fine"] | {"last_at": ""} == {"last_at": "", "ok": True, "said": "done at 09:00", "failed": 0}
    assert jobs.problems() == [
        "monitoring: broken failed 2 times: it broke",
        "monitoring: endless failed 1 times: no end after 0.01 s",
    ]


async def test_a_failure_stops_no_other_and_is_forgotten_when_it_works_again() -> None:
    runs = 0
    both = asyncio.Event()

    async def mended(_now: dt.datetime) -> str | None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError("not yet")
        both.set()
        return None

    jobs = Jobs([Job("broken", 0, broken), Job("mended", 0, mended)], lambda: NOW)
    task = asyncio.create_task(jobs.run())
    await asyncio.wait_for(both.wait(), 60)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert jobs.outcomes["mended"]["ok"]
    assert not jobs.outcomes["broken"]["ok"]


@pytest.mark.parametrize(
    ("content", "is_wanted", "said"),
    [
        (None, True, "nothing watches the query log"),
        (None, False, None),
        (b"nonsense", True, "nothing watches"),
        (b'{"alive_at": "2026-11-23T08:58:59+00:00"}', True, "was last seen 61 s ago"),
        (b'{"alive_at": "2026-11-23T08:58:59+00:00"}', False, None),
        (b'{"alive_at": "2026-11-23T08:59:00+00:00"}', True, None),
        (b'{"alive_at": "soon"}', True, "at an unknown time"),
        (b'{"alive_at": "2026-11-23T09:00:00+00:00", "problems": ["a tap drips"]}', True, "a tap drips"),
    ],
)
def test_what_status_says_of_it(content: bytes | None, is_wanted: bool, said: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "monitor").mkdir()
        write_whole(status_file.path_of(tmp_path), content)
    found = status_file.problems(status_file.section(tmp_path, NOW), is_wanted)
    assert [said in one for one in found] == [True] if said is not None else found == []
