"""Requests are followed up each by itself: one that cannot be holds up no other, and is said once."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import DAY, RequestSchool, school_of

from schoolgate.config import load
from schoolgate.governance.change_request import KIND
from schoolgate.operations.control_jobs import ControlJobs
from schoolgate.operations.governance import request_keeping
from schoolgate.storage.audit_operations import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("kept")) as made:
        yield made


async def waiting(school: RequestSchool, *names: str) -> list[int]:
    """Approved requests that begin in a day."""
    made = []
    for name in names:
        filed = await school.file(name=name, starts=school.iso(DAY), until=school.iso(3 * DAY))
        assert (await school.approve(filed.number)).state == "approved"
        made.append(filed.number)
    return made


async def state(school: RequestSchool, number: int) -> str:
    return str((await school.ask("head", "show", number=number)).state)


def rewrite(school: RequestSchool, number: int, text: str | None = None) -> str:
    """What the database holds of a request; `text` takes its place, as a damaged disk would do it."""
    path = Place.in_folder(school.school.state).store
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        where = "WHERE kind = ? AND number = ?"
        (there,) = db.execute(f"SELECT fields FROM governance_record {where}", (KIND, number)).fetchone()
        if text is not None:
            db.execute(f"UPDATE governance_record SET fields = ? {where}", (text, KIND, number))
    return str(there)


async def jobs_of(school: RequestSchool) -> ControlJobs:
    recorder = await school.school.operations._recorder()
    return ControlJobs(school.school.operations, recorder, lambda: load(school.school.config), school.school.clock)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log has of problems since the last look."""
    found = [str(vars(one)["fields"]["problem"]) for one in caplog.records if one.message == "look at this"]
    caplog.clear()
    return found


async def test_a_request_that_cannot_be_read_holds_up_no_other(school: RequestSchool) -> None:
    first, damaged, last = await waiting(school, "a1.example", "a2.example", "a3.example")
    whole = rewrite(school, damaged, '{"action": "open"}')
    school.later(DAY)
    kept = await school.keep_up()
    assert kept.ended == (), "what was put in force a moment ago is in the policy"
    assert set(kept.applied) == {first, last}
    assert [one.number for one in kept.failed] == [damaged]
    assert "cannot be read" in kept.failed[0].said
    rewrite(school, damaged, whole)
    assert (await school.keep_up()).applied == (damaged,)
    rewrite(school, damaged, '{"action": "open"}')
    school.later(2 * DAY)
    kept = await school.keep_up()
    assert (set(kept.ended), [one.number for one in kept.failed]) == ({first, last}, [damaged])
    rewrite(school, damaged, whole)
    assert (await school.keep_up()).failed == ()


async def test_a_defect_at_one_request_holds_up_no_other_and_is_said_once(
    school: RequestSchool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = await waiting(school, "b1.example", "b2.example", "b3.example")
    broken = {second}
    whole = request_keeping.apply_now

    async def with_a_defect(work: Any, found: Any) -> Any:
        if found.number in broken:
            raise KeyError("no such thing")
        return await whole(work, found)

    monkeypatch.setattr(request_keeping, "apply_now", with_a_defect)
    jobs = {job.name: job for job in (await jobs_of(school)).all()}
    school.later(DAY)
    await jobs["requests"].work()
    lines = said(caplog)
    assert len(lines) == 1 and f"request {second}" in lines[0] and "KeyError" in lines[0], lines
    assert [await state(school, one) for one in (first, second, third)] == ["applied", "approved", "applied"]
    (other,) = await waiting(school, "c1.example")
    school.later(DAY)
    broken.add(other)
    await jobs["requests"].work()
    (line,) = said(caplog)
    assert f"request {other}" in line, "the older failure was said already"
    broken.clear()
    await jobs["requests"].work()
    assert (said(caplog), await state(school, other)) == ([], "applied")
