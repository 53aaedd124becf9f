"""A trust wants a second person for openings: who is refused, how it goes on, and that no school is locked out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import IT, RequestSchool, school_of

from schoolgate.accounts.roles import Role
from schoolgate.errors import SchoolgateError
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotPermitted

pytestmark = pytest.mark.asyncio(loop_scope="module")
D, H, L, N, P, T = (
    Role.trust_director, Role.head, Role.safeguarding_lead, Role.network_manager, Role.provider, Role.teacher,
)  # fmt: skip
ON = "[operations]\nopenings_need_approval = true\n"
ALLOW: dict[str, Any] = {"name": "a1.example", "reason": "Maths", "segments": ["pupils"], "lasts": "2h"}
OPENS: dict[str, dict[str, Any]] = {
    "policy.allow": ALLOW,
    "exceptions.renew": {"name": "a1.example", "policy": "pupil", "reason": "Maths", "lasts": "2h"},
    "exceptions.end_deny": {"name": "a1.example", "policy": "pupil", "reason": "Maths"},
    "services.allow": {"service": "youtube", "reason": "Maths"},
    "feeds.except": {"feed": "none", "name": "a1.example", "reason": "Maths"},
    "feeds.disable": {"feed": "none"},
    "feeds.remove": {"feed": "none"},
}
# As a user of this machine is by default.
LOCAL = Actor("uid:4294960001", "root", frozenset({N, L, Role.data_protection_officer}))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("openings"), D, H, L, N, P, T) as made:
        await made.person("both", N, H)
        yield made


@pytest.fixture(autouse=True)
def switched_on(school: RequestSchool) -> None:
    school.school.write(ON)


async def call(school: RequestSchool, who: str | Actor, name: str, /, **arguments: Any) -> Any:
    if isinstance(who, Actor):
        return await school.by(who, name, **arguments)
    return await school.school.call(await school.session(who), name, **arguments)


@pytest.mark.parametrize("who", [N, "both", LOCAL], ids=["network manager", "who is head, too", "user of the machine"])
@pytest.mark.parametrize("name", OPENS)
async def test_it_alone_is_refused_what_opens_and_told_how_to_ask(
    school: RequestSchool, who: str | Actor, name: str
) -> None:
    with pytest.raises(NotPermitted, match="schoolgate request file"):
        await call(school, who, name, **OPENS[name])
    school.school.write("")
    try:
        await call(school, who, name, **OPENS[name])
    except SchoolgateError as error:
        assert not isinstance(error, NotPermitted)


async def test_the_refusal_is_the_command_that_asks_for_the_same(school: RequestSchool) -> None:
    with pytest.raises(NotPermitted, match=r"request file open a1\.example -s pupils --for 2h --for-what WHY$"):
        await call(school, LOCAL, "policy.allow", **ALLOW)
    with pytest.raises(NotPermitted, match=r"request file open --service youtube --for-what WHY$"):
        await call(school, LOCAL, "services.allow", **OPENS["services.allow"])


@pytest.mark.parametrize("name", OPENS)
async def test_a_director_acts_directly(school: RequestSchool, name: str) -> None:
    try:
        await call(school, D, name, **OPENS[name])
    except SchoolgateError as error:
        assert not isinstance(error, NotPermitted)


@pytest.mark.parametrize("who", [H, L, P, T])
async def test_who_had_no_right_is_refused_as_before(school: RequestSchool, who: str) -> None:
    with pytest.raises(NotPermitted, match="is not yours to do"):
        await call(school, who, "policy.allow", **ALLOW)


async def test_what_closes_stays_a_direct_write(school: RequestSchool) -> None:
    made = await call(school, N, "policy.block", name="closed.example", segments=["pupils"])
    assert made.applied.is_change
    with pytest.raises(SchoolgateError, match="not in use") as refused:
        await call(school, N, "feeds.except", feed="none", name="b1.example", is_taken_back=True)
    assert not isinstance(refused.value, NotPermitted)


async def test_what_was_approved_is_applied(school: RequestSchool) -> None:
    number = (await school.file(H, name="b1.example")).number
    done = await school.approve(number)
    assert (done.state, await school.verdict("b1.example", "pupils")) == ("applied", "open")


async def test_a_request_carried_out_by_hand_is_named_and_must_be_approved(school: RequestSchool) -> None:
    asked = {"action": "other", "wanted": "Switch the list of games off", "purpose": "It closes maths sites"}
    number = (await school.ask(H, "file", **asked)).number
    with pytest.raises(NotPermitted, match=f"request {number} is requested"):
        await call(school, N, "feeds.disable", feed="none", request=number)
    await school.approve(number)
    with pytest.raises(SchoolgateError, match="not in use") as refused:
        await call(school, N, "feeds.disable", feed="none", request=number)
    assert not isinstance(refused.value, NotPermitted)
    shown = await school.ask(N, "show", number=number)
    await school.ask(N, "carried_out", number=number, version=shown.version, reason="It is off")
    with pytest.raises(NotPermitted, match="not yet carried out"):
        await call(school, N, "feeds.disable", feed="none", request=number)
    with pytest.raises(NotPermitted, match="9999"):
        await call(school, N, "feeds.disable", feed="none", request=9999)


async def test_the_session_says_what_is_asked_for_first(school: RequestSchool) -> None:
    shown = await call(school, N, "session.show")
    assert set(OPENS) < set(shown.asks_first)
    assert (await call(school, D, "session.show")).asks_first == ()
    assert (await call(school, T, "session.show")).asks_first == ()
    school.school.write("")
    assert (await call(school, N, "session.show")).asks_first == ()


async def test_why_offers_no_opening_that_is_refused(school: RequestSchool) -> None:
    async def is_yours(who: str) -> bool:
        found = await call(school, who, "explain.name", name="c1.example", segment="pupils")
        (way,) = [one for one in found.changes if one.operation == "policy.allow"]
        return bool(way.is_yours)

    assert (await is_yours(N), await is_yours(D)) == (False, True)
    school.school.write("")
    assert await is_yours(N)


async def test_ending_what_a_request_closed_is_an_opening(school: RequestSchool) -> None:
    asked = {"action": "close", "names": ["shut.example"], "segments": ["pupils"], "purpose": "It is a proxy"}
    number = (await school.ask(N, "file", **asked)).number
    shown = await school.ask(N, "show", number=number)
    assert "request.end" not in shown.may
    with pytest.raises(NotPermitted, match="second person"):
        await school.ask(N, "end", number=number, version=shown.version, reason="No more")
    assert (await school.ask(D, "end", number=number, version=shown.version, reason="No more")).state == "ended"


async def said(school: RequestSchool) -> list[str]:
    """What `status` says of the switch."""
    found = await school.by(IT, "status.show")
    return [one.id for one in found.problems if one.subject == "operations.openings_need_approval"]


async def test_where_no_account_may_decide_nothing_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with school_of(tmp_path_factory.mktemp("alone"), N, T) as alone:
        alone.school.write(ON)
        assert (await call(alone, N, "policy.allow", **ALLOW)).applied.is_change
        assert (await call(alone, IT, "policy.allow", **ALLOW | {"name": "a2.example"})).applied.is_change
        assert await said(alone) == ["openings-undecided"]
        await alone.person("deputy", H)
        assert await said(alone) == []
        with pytest.raises(NotPermitted):
            await call(alone, N, "policy.allow", **ALLOW | {"name": "b1.example"})
        await alone.leave("deputy")
        assert (await call(alone, N, "policy.allow", **ALLOW | {"name": "b1.example"})).applied.is_change
