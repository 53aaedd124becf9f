"""Lessons that open a list: only what another person agreed to, only there and then; closed by itself or by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import IT, NAMES, SEALED, RequestSchool, audit_details, school_of
from tests.unit.operations.signed_in import MINUTE

from schoolgate.accounts.account_list import set_columns
from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import Role
from schoolgate.checks.deciding import Judge, Policy
from schoolgate.errors import SchoolgateError
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.governance.request_drafting import ready
from schoolgate.operations.policies.quick_policy import snapshot_of
from schoolgate.policy import PolicyRefused
from schoolgate.policy.active_policy import compile_active_policy
from schoolgate.policy.compile import lesson_policy
from schoolgate.sealed import SealedStore

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEAD, HEAD, TEACHER = Role.safeguarding_lead, Role.head, Role.teacher
LONDON = ZoneInfo("Europe/London")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("lessons"), LEAD, HEAD, TEACHER, Role.trust_director) as made:
        yield made


async def do(school: RequestSchool, role: str, name: str, /, **arguments: Any) -> Any:
    return await school.school.call(await school.session(role), f"lesson.{name}", **arguments)


async def agreed(school: RequestSchool, *names: str, segments: tuple[str, ...] = ("pupils",)) -> int:
    made = await do(school, TEACHER, "propose_list", title="Art", purpose="Art", names=names, segments=segments)
    done = await do(school, LEAD, "agree_list", number=made.number, version=made.version)
    assert done.state == "agreed"
    return int(made.number)


async def lesson(school: RequestSchool, opens: int, begins: int = 0, ends: int = 60, **more: Any) -> Any:
    """From and until so many minutes from the clock of the test."""
    here = school.school.clock.now().astimezone(LONDON).replace(second=0, microsecond=0)
    starts, until = (f"{here + dt.timedelta(minutes=one):%H:%M}" for one in (begins, ends))
    given = {"topic": "Impressionists", "group": "9B", "segments": ["pupils"], "starts": starts, "ends": until}
    return await do(school, TEACHER, "file", opens=opens, **{**given, **more})


async def decided(school: RequestSchool, name: str, segment: str = "pupils") -> tuple[str, str]:
    """The verdict and the rule, of what the engine is given at the clock of the test."""
    work = await school.work()
    there = ready(work)
    active = compile_active_policy(there.checked, there.ground, 1, work.now)
    sealed = SealedStore(work.settings.server.state_dir).open_all(work.settings)
    judge = Judge(active.compiled.description, snapshot_of(work.settings), sealed.sealed if sealed else None)
    policy = there.checked.document.segments[segment].policy
    if there.checked.document.segments[segment].open_lessons(work.now):
        policy = lesson_policy(policy, segment)
    found = judge.decide(Policy(policy, False), name)
    return ("open" if found.is_open else "closed"), found.rule or ""


async def test_it_opens_for_its_network_and_its_time_and_closes_by_itself(school: RequestSchool) -> None:
    number = await agreed(school, "a1.example", "=b1.example")
    await school.by(IT, "checks.drift")
    before = await school.revisions()
    made = await lesson(school, number, 30, 90)
    assert tuple((await school.by(IT, "checks.drift")).changed) == (), "an operation did it"
    assert (made.opens, await school.revisions()) == (number, before + 1)
    assert (await decided(school, "a1.example"))[0] == "closed", "it has not begun"
    work = await school.work()
    there = ready(work)
    boundary = compile_active_policy(there.checked, there.ground, 1, work.now).next_boundary
    assert boundary is not None
    assert round((boundary - work.now).total_seconds()) == 30 * 60
    school.later(31 * MINUTE)
    assert await decided(school, "www.a1.example") == ("open", "segments.pupils.lessons[0]")
    assert (await decided(school, "b1.example"))[0] == "open"
    assert (await decided(school, "c1.example"))[0] == "closed"
    assert (await decided(school, "a1.example", "staff"))[0] == "closed"
    explained = await school.by(IT, "explain.name", name="a1.example", segment="pupils", at=school.iso())
    assert (explained.verdict, explained.policy) == ("allowed", "pupil")
    assert explained.reason.startswith(f"lesson {made.number}, Impressionists (9B), Monday ")
    assert "agreed to by" in explained.reason
    listed = (await school.by(IT, "exceptions.list")).exceptions
    assert {(one.kind, one.name, one.where) for one in listed} >= {("lesson", "a1.example", "pupils")}
    school.later(60 * MINUTE)
    assert (await decided(school, "a1.example"))[0] == "closed"
    entries = await school.by(IT, "audit.log", operation="lesson.open")
    assert any(f'"after":{before + 1}' in one for one in audit_details([{"detail": e.detail} for e in entries.entries]))


async def test_withdrawing_closes_it_at_once_and_so_does_the_end_of_the_list(school: RequestSchool) -> None:
    number = await agreed(school, "d1.example")
    made = await lesson(school, number)
    assert (await decided(school, "d1.example"))[0] == "open"
    await do(school, TEACHER, "withdraw", number=made.number)
    assert (await decided(school, "d1.example"))[0] == "closed"
    await lesson(school, number)
    assert (await decided(school, "d1.example"))[0] == "open"
    await do(school, HEAD, "end_list", number=number, reason="no longer taught")
    assert (await decided(school, "d1.example"))[0] == "closed"
    with pytest.raises(RecordRefused, match="is not agreed to"):
        await lesson(school, number)


async def test_who_proposed_a_list_does_not_agree_to_it(school: RequestSchool) -> None:
    given = {"title": "Art", "purpose": "Art", "names": ["e1.example"], "segments": ["pupils"]}
    made = await do(school, HEAD, "propose_list", **given)
    assert ("safeguarding_lead", "A list for lessons waits for you") in school.mails()
    assert not made.may_agree
    for role in (HEAD, TEACHER):
        with pytest.raises(NotPermitted):
            await do(school, role, "agree_list", number=made.number, version=made.version)
    with pytest.raises(RecordRefused, match="is not agreed to"):
        await lesson(school, made.number)
    with pytest.raises(RecordChanged):
        await do(school, LEAD, "agree_list", number=made.number, version=7)
    assert any(one.may_agree for one in await do(school, LEAD, "lists"))


async def test_neither_does_the_same_person_as_a_user_of_the_machine(school: RequestSchool) -> None:
    given = {"title": "Art", "purpose": "Art", "names": ["h1.example"], "segments": ["pupils"]}
    root = Actor("uid:0", "root", frozenset({Role.network_manager}))
    made = await school.by(root, "lesson.propose_list", **given)
    await school.person("root", HEAD)
    with pytest.raises(ApprovalRefused, match="the user root of this machine"):
        await do(school, "root", "agree_list", number=made.number, version=made.version)
    assert (await do(school, LEAD, "agree_list", number=made.number, version=made.version)).state == "agreed"


async def test_nor_does_one_whose_second_factor_was_reset_today(school: RequestSchool) -> None:
    given = {"title": "Art", "purpose": "Art", "names": ["h2.example"], "segments": ["pupils"]}
    made = await do(school, TEACHER, "propose_list", **given)
    await school.person("reset", HEAD)
    async with school.school.change() as change:
        at = school.school.clock.us + 60 * MINUTE
        await set_columns(change.connection, school.account_of("reset"), approves_from_us=at)
        change.is_signed = True
    with pytest.raises(ApprovalRefused, match="after 24 hours"):
        await do(school, "reset", "agree_list", number=made.number, version=made.version)
    await school.leave("reset")
    await school.leave("root")


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        ([], {}, "name the sites"),
        (["not a name"], {}, "is no name of a site"),
        (["a1.example"], {"segments": []}, "choose the networks"),
        (["a1.example"], {"segments": ["pupil"]}, "did you mean pupils"),
        (["a1.example"], {"until": "2030-01-01"}, "within a year"),
        (["x.locked.example"], {}, "is locked"),
        (["co.uk"], {}, "opens every site below"),
        (NAMES * 2 + [f"x{one}.example" for one in range(40)], {}, "may have 50"),
    ],
)
async def test_a_list_that_no_lesson_may_open_is_refused(
    school: RequestSchool, names: list[str], more: dict[str, Any], said: str
) -> None:
    given = {"title": "Art", "purpose": "Art", "segments": ["pupils"], **more}
    with pytest.raises((RecordRefused, PolicyRefused), match=said):
        await do(school, TEACHER, "propose_list", names=names, **given)


async def test_a_lesson_opens_no_list_elsewhere_and_none_that_is_over(school: RequestSchool) -> None:
    number = await agreed(school, "f1.example")
    before = await school.revisions()
    for more, said in (
        ({"segments": ["staff"]}, "is not for network staff"),
        ({"segments": []}, "choose the networks"),
    ):
        with pytest.raises(RecordRefused, match=said):
            await lesson(school, number, **more)
    with pytest.raises(SchoolgateError):
        await lesson(school, 9_999)
    assert await school.revisions() == before


async def test_what_is_sealed_stays_closed_and_exam_mode_opens_no_lesson(school: RequestSchool) -> None:
    number = await agreed(school, "g1.example", SEALED)
    await lesson(school, number, ends=120)
    assert (await decided(school, SEALED))[0] == "closed"
    assert (await decided(school, "g1.example"))[0] == "open"
    await school.school.call(await school.session(HEAD), "exam.begin", segments=["pupils"], lasts="1h", reason="GCSE")
    work = await school.work()
    assert ready(work).checked.document.segments["pupils"].open_lessons(work.now) == ()
    assert (await decided(school, "g1.example"))[0] == "closed"
