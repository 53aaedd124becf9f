"""Exam mode by the operations: who begins it, that it only tightens, that it ends by itself, who is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import IT, RequestSchool, school_of
from tests.unit.operations.signed_in import MINUTE

from schoolgate.accounts.roles import Role
from schoolgate.checks.deciding import Policy
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.governance.request_drafting import engine_of, ready
from schoolgate.operations.policies.quick_policy import NotClear
from schoolgate.policy import PolicyRefused
from schoolgate.policy.exam_mode import ExamModeUnclear
from schoolgate.policy.schedule import policy_at

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEAD, HEAD, DIRECTOR, TEACHER = Role.safeguarding_lead, Role.head, Role.trust_director, Role.teacher
CHAT = "chatgpt.com"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("exams"), LEAD, HEAD, DIRECTOR, TEACHER) as made:
        yield made


async def do(school: RequestSchool, role: str, name: str, /, **arguments: Any) -> Any:
    return await school.school.call(await school.session(role), f"exam.{name}", **arguments)


async def verdict(school: RequestSchool, name: str, segment: str) -> str:
    """Under the policy that the segment has at the clock of the test."""
    work = await school.work()
    there = ready(work)
    policy = policy_at(there.checked.document.segments[segment], work.now, dt.UTC)  # type: ignore[arg-type]
    decided = engine_of(work, there.ground, there.checked).decide(Policy(policy, False), name)
    return "open" if decided.is_open else "closed"


async def test_it_closes_more_for_its_segment_tells_the_approvers_and_ends_by_itself(school: RequestSchool) -> None:
    text = await school.text()
    assert await verdict(school, CHAT, "pupils") == "open"
    await school.by(IT, "checks.drift")
    head = await school.session(HEAD)
    undecided = (await school.school.call(head, "register.gaps")).undecided
    made = await do(school, LEAD, "begin", segments=["pupils"], lasts="2h", reason="GCSE maths")
    assert (await school.school.call(head, "register.gaps")).undecided == undecided, (
        "an exam leaves no decision to take"
    )
    assert tuple((await school.by(IT, "checks.drift")).changed) == (), "an operation did it"
    assert made.applied.in_force.state == "no_service"
    assert (await verdict(school, CHAT, "pupils"), await verdict(school, CHAT, "staff")) == ("closed", "open")
    (shown,) = (await do(school, TEACHER, "show")).exams
    origins = {one.id: one.origin for one in (await school.by(IT, "segments.list")).segments}
    assert origins == {"pupils": "exam", "staff": "segment"}
    assert (shown.segment, shown.policy, shown.state, shown.reason) == ("pupils", "exam-pupil", "on", "GCSE maths")
    told = {role for role, subject in school.mails() if subject == "Exam mode was changed"}
    assert told == {"head", "trust_director"}, "the lead did it"
    with pytest.raises(ExamModeUnclear, match="has exam mode already"):
        await do(school, HEAD, "begin", segments=["pupils"], lasts="1h", reason="again")
    blocked = await school.by(IT, "policy.block", name="a1.example.net", segments=["pupils"])
    assert blocked.applied.is_change
    assert await verdict(school, "a1.example.net", "pupils") == "closed"
    school.later(2 * 60 * MINUTE)
    assert await verdict(school, CHAT, "pupils") == "open"
    assert (await do(school, HEAD, "show")).exams == ()
    # The text says all that it said before, and the next change removes what is over.
    assert text.splitlines()[0] in await school.text()
    made = await do(school, HEAD, "begin", segments=["pupils", "staff"], lasts="1h", reason="mocks")
    assert (await school.text()).count("GCSE maths") == 0
    assert len((await do(school, HEAD, "show")).exams) == 2
    await do(school, HEAD, "end", reason="over")
    assert (await do(school, HEAD, "show")).exams == ()


async def test_it_begins_at_its_time(school: RequestSchool) -> None:
    now = school.school.clock.now()
    starts, until = ((now + dt.timedelta(hours=hours)).isoformat() for hours in (24, 27))
    await do(school, HEAD, "begin", segments=["pupils"], starts=starts, until=until, reason="French")
    assert [one.state for one in (await do(school, HEAD, "show")).exams] == ["planned"]
    assert await verdict(school, CHAT, "pupils") == "open"
    school.later(25 * 60 * MINUTE)
    assert await verdict(school, CHAT, "pupils") == "closed"
    await do(school, HEAD, "end", segments=["pupils"], reason="over")


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("[policies.exam-soft]\nextends = \"trust\"\n", "a1.example is denied under pupil, and not under exam-soft"),
        ("[policies.exam-soft]\nextends = \"pupil\"\nallow = [\"a1.example\"]\n", "would loosen"),
        ("[policies.exam-soft]\n", "would loosen"),
        (
            "[policies.exam-soft]\nextends = \"pupil\"\nexceptions = [{ name = \"a1.example\", reason = \"x\","
            " approved_by = \"y\", until = 2099-01-01T00:00:00Z }]\n",
            "would loosen",
        ),
        # Both are closed now; the deny that the exam policy rests on ends before exam mode does.
        (
            "[policies.exam-soft]\nextends = \"trust\"\ntemporary_deny = [DENIES]\n",
            "would loosen",
        ),
    ],
)  # fmt: skip
async def test_a_policy_that_opens_what_is_closed_is_refused(school: RequestSchool, policy: str, said: str) -> None:
    text = await school.text()
    names = [one for one in text.split('"') if one.endswith(".example") and one != "locked.example"]
    soon = (school.school.clock.now() + dt.timedelta(minutes=30)).isoformat()
    denies = ", ".join(f'{{ name = "{one}", reason = "x", until = {soon} }}' for one in dict.fromkeys(names))
    await school.by(IT, "policy.apply", text=text + policy.replace("DENIES", denies), reason="another policy")
    before = await school.revisions()
    try:
        with pytest.raises(PolicyRefused, match=said):
            await do(school, HEAD, "begin", segments=["pupils"], lasts="1h", reason="x", policy="exam-soft")
        assert await school.revisions() == before
    finally:
        await school.by(IT, "policy.apply", text=text, reason="as it was")


async def test_while_it_is_on_its_policy_cannot_be_loosened(school: RequestSchool) -> None:
    await do(school, HEAD, "begin", segments=["pupils"], lasts="1h", reason="x")
    text = await school.text()
    with pytest.raises(PolicyRefused, match="exam mode of pupils would loosen"):
        loose = text.replace("[policies.exam-pupil]\n", '[policies.exam-pupil]\nallow = ["a1.example"]\n')
        await school.by(IT, "policy.apply", text=loose, reason="for a friend")
    await do(school, HEAD, "end", reason="over")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"segments": ["pupils"], "reason": "x"}, "always has an end"),
        ({"segments": ["pupils"], "lasts": "1h", "reason": " "}, "reason"),
        ({"segments": [], "lasts": "1h", "reason": "x"}, "segments"),
        ({"segments": ["pupil"], "lasts": "1h", "reason": "x"}, "did you mean pupils"),
        ({"segments": ["pupils"], "lasts": "1h", "reason": "x", "policy": "nothing"}, "no policy nothing"),
        ({"segments": ["pupils"], "lasts": "90d", "reason": "x"}, "longer than 70 days"),
        ({"segments": ["pupils"], "until": "2020-01-01T10:00", "reason": "x"}, "has passed"),
    ],
)
async def test_what_is_not_clear_is_refused(school: RequestSchool, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises((NotClear, ExamModeUnclear, PolicyRefused), match=said):
        await do(school, HEAD, "begin", **arguments)


async def test_a_teacher_begins_none_and_a_lead_ends_none(school: RequestSchool, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        await do(school, TEACHER, "begin", segments=["pupils"], lasts="1h", reason="x")
    with pytest.raises(NotPermitted):
        await do(school, LEAD, "end", reason="x")
