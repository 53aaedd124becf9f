"""A trust wants a second person for openings: older lists and other school days open sites, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import IT, POLICY, RequestSchool, school_of

from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.lists.build import build
from schoolgate.operations.errors import NotPermitted

pytestmark = pytest.mark.asyncio(loop_scope="module")
D, H, N = Role.trust_director, Role.head, Role.network_manager
ON = "[operations]\nopenings_need_approval = true\n"
LIST = '[lists]\nextra = [{ path = "closed.txt", category = "games" }]\n'
# In holidays the pupils' network is under a policy that closes less.
TEXT = POLICY.replace('[policies.pupil]\nextends = "trust"\n', "\\g<0>").replace(
    "\\g<0>", '[policies.pupil]\nextends = "trust"\ncategories = { games = "deny" }\n'
).replace('strictest = "pupil"', 'strictest = "pupil"\nstrictest_may_be_looser = "A test"').replace(
    'prefixes = ["10.1.0.0/16"]\npolicy = "pupil"\n',
    'prefixes = ["10.1.0.0/16"]\npolicy = "pupil"\n'
    'schedule = [{ policy = "staff", during = "holiday", from = "08:00", to = "16:00" }]\n',
)  # fmt: skip
TERM = {"kind": "term", "title": "Autumn term", "first": "2026-09-01", "last": "2026-12-18"}
HOLIDAY = {"kind": "holiday", "title": "A holiday of our own", "first": "2026-12-07", "last": "2026-12-08"}
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:h9\r\nSUMMARY:Holiday\r\nDTSTART;VALUE=DATE:20261209\r\n"
    "DTEND;VALUE=DATE:20261211\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("openings"), D, H, N) as made:
        await made.by(IT, "policy.apply", text=TEXT, reason="A policy for holidays")
        (made.school.config.parent / "closed.txt").write_text("shut.example\n", encoding="utf-8")
        made.school.write(ON + LIST)
        await asyncio.to_thread(build, load(made.school.config))
        yield made


async def call(school: RequestSchool, who: str, name: str, /, **arguments: Any) -> Any:
    return await school.school.call(await school.session(who), name, **arguments)


async def approved(school: RequestSchool, wanted: str) -> int:
    number = int((await school.ask(H, "file", action="other", wanted=wanted, purpose="A lesson needs it")).number)
    await school.approve(number)
    return number


async def test_older_lists_that_open_a_site_are_asked_for(school: RequestSchool) -> None:
    with pytest.raises(NotPermitted, match="request file other") as refused:
        await call(school, N, "lists.rollback")
    assert "policy pupil: shut.example is denied by the lists in force" in str(refused.value)
    assert (await call(school, N, "lists.show")).serial == 2
    number = await approved(school, "Back to the lists of yesterday")
    assert (await call(school, N, "lists.rollback", request=number)).serial == 1
    # Of the newer lists nothing opens.
    assert (await call(school, N, "lists.rollback", serial=2)).serial == 2


async def test_a_director_goes_back_directly(school: RequestSchool) -> None:
    assert (await call(school, D, "lists.rollback")).serial == 1
    assert (await call(school, D, "lists.rollback", serial=2)).serial == 2


async def test_days_that_open_a_site_are_asked_for(school: RequestSchool) -> None:
    assert (await call(school, N, "calendar.set", **TERM)).title == "Autumn term"
    with pytest.raises(NotPermitted, match="request file other") as refused:
        await call(school, N, "calendar.set", **HOLIDAY)
    assert "policy staff, where pupil was: games is denied by the policy in force" in str(refused.value)
    with pytest.raises(NotPermitted, match="games is denied"):
        await call(school, N, "calendar.import", text=EVENT)
    number = await approved(school, "The holiday of the seventh of December")
    made = await call(school, N, "calendar.set", **HOLIDAY, request=number)
    # Fewer holidays open nothing.
    await call(school, N, "calendar.remove", number=made.number)
    inset = {"kind": "inset", "title": "Inset day", "first": "2026-12-03"}
    assert (await call(school, N, "calendar.set", **inset)).title == "Inset day"


async def test_a_head_who_may_decide_writes_the_calendar(school: RequestSchool) -> None:
    made = await call(school, H, "calendar.set", **HOLIDAY | {"title": "By the head"})
    assert (await call(school, H, "calendar.remove", number=made.number)).number == made.number
