"""The API where the control process is away, goes away, or has a defect."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl, Refused

from schoolgate.console.api.api_client import ApiClient, ApiProblem

BLOCK = {"name": "games.example", "reason": "asked by the head"}


async def refused(console: RunningConsole, **more: Any) -> ApiProblem:
    async with ApiClient(console.address, "sgt_x") as school:
        with pytest.raises(ApiProblem) as found:
            await school.post("policy.block", BLOCK, **more)
    return found.value


async def test_without_control_it_says_so_and_when_to_come_back(control: FakeControl, console: RunningConsole) -> None:
    await control.stop()
    control.path.unlink(missing_ok=True)
    for _ in range(2):
        problem = await refused(console, key="k")
        assert (problem.status, problem.kind, problem.retry_after_s) == (503, "no-control", 5)


async def test_a_change_that_may_have_been_done_is_not_done_again(
    control: FakeControl, console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "reply_octets", lambda _: b"")
    assert (await refused(console, key="k")).kind == "outcome-unknown"
    monkeypatch.undo()
    control.answers["policy.block"] = {"revision": 2}
    problem = await refused(console, key="k")
    assert (problem.status, problem.kind) == (503, "outcome-unknown")
    real = [one for one in control.asked("policy.block") if one["arguments"] == BLOCK]
    assert len(real) == 1


async def test_a_defect_is_no_mistake_of_the_caller(control: FakeControl, console: RunningConsole) -> None:
    control.answers["policy.block"] = Refused("Defect", "the log says more")
    problem = await refused(console)
    assert (problem.status, problem.kind) == (500, "defect")


async def test_the_token_is_all_that_is_passed_on(control: FakeControl, console: RunningConsole) -> None:
    control.answers["policy.block"] = {"revision": 2}
    async with ApiClient(console.address, "sgt_x") as school:
        assert await school.post("policy.block", BLOCK) == {"revision": 2}
    (asked,) = control.asked("policy.block")
    assert asked["api_token"] == "sgt_x" and "session" not in asked
