"""A trust wants a second person for openings: who is refused, how it goes on, and that no school is locked out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import IT, POLICY, RequestSchool, school_of

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


async def test_it_leaves_openings_with_a_person_who_decides(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with school_of(tmp_path_factory.mktemp("last"), N, H, T) as one:
        one.school.write(ON)
        for who in (N, LOCAL):
            with pytest.raises(NotPermitted, match="Head decides what opens sites, and no other account"):
                await call(one, who, "account.disable", login="head")
            with pytest.raises(NotPermitted, match="no other account would"):
                await call(one, who, "account.end_role", login="head", role=H)
        # A request for a role, a role that decides nothing, and an account that is no decider's are not held.
        await call(one, N, "account.role", login="teacher", role=L)
        await call(one, N, "account.end_role", login="teacher", role=L)
        await call(one, N, "account.disable", login="teacher")
        await one.person("deputy", H)
        await call(one, N, "account.end_role", login="head", role=H)
        with pytest.raises(NotPermitted, match="no other account would"):
            await call(one, N, "account.disable", login="deputy")
        one.school.write("")
        await call(one, N, "account.disable", login="deputy")


# Staff may be under more than pupils here: which policy is the strictest is another check.
TEXT = POLICY.replace('strictest = "pupil"', 'strictest = "pupil"\nstrictest_may_be_looser = "A test"')


def edited(old: str, new: str, text: str = TEXT) -> str:
    assert old in text
    return text.replace(old, new)


PUPIL = '[policies.pupil]\nextends = "trust"\n'
STAFF = '[policies.staff]\nextends = "trust"\n'
BOTH = TEXT.replace(PUPIL, PUPIL + 'unknown = "deny"\ncategories = { games = "deny" }\n')
UNTIL = 'exceptions = [{ name = "a1.example", reason = "Art", approved_by = "IT", until = 2026-12-02T10:00:00Z }]\n'
LATER = edited("12-02T", "12-20T", UNTIL)
SCHEDULED = edited(
    'policy = "staff"\n', 'policy = "staff"\nschedule = [{ policy = "pupil", from = "09:00", to = "15:00" }]\n'
)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (BOTH, edited('games = "deny"', 'games = "allow"', BOTH), "games is denied by the policy in force"),
        (BOTH, edited('unknown = "deny"\n', "", BOTH), "names that no list knows are denied by the policy in force"),
        (TEXT, edited('"a1.example", ', "", TEXT), "a1.example is denied by the policy in force"),
        (TEXT, edited('["locked.example"]', "[]"), "locked.example is denied by the policy in force"),
        (TEXT, edited(STAFF, STAFF + 'allow = ["wide.example"]\n'), "wide.example with all below it would be"),
        (
            TEXT,
            edited(
                STAFF,
                STAFF + 'exceptions = [{ name = "a1.example", reason = "Art", approved_by = "IT",'
                " until = 2026-12-30T10:00:00Z }]\n",
            ),
            "a1.example is denied by the policy in force",
        ),
        (
            edited(STAFF, STAFF + 'safesearch = { youtube = "strict" }\n'),
            edited(STAFF, STAFF + 'safesearch = { youtube = "moderate" }\n'),
            "youtube is locked to strict by the policy in force",
        ),
        (
            edited(STAFF, STAFF + 'categories = { games = "deny" }\n'),
            edited('policy = "pupil"', 'policy = "staff"', edited(STAFF, STAFF + 'categories = { games = "deny" }\n')),
            "",
        ),
        (edited('policy = "pupil"', 'policy = "staff"'), TEXT, ""),
        (edited(STAFF, STAFF + UNTIL), edited(STAFF, STAFF + LATER), "force from 2026-12-02 10:00"),
        (edited(STAFF, STAFF + LATER), edited(STAFF, STAFF + UNTIL), ""),
        (
            edited("10.3.0.0/16", "10.3.0.0/17", edited(PUPIL, PUPIL + 'categories = { games = "deny" }\n')),
            edited(PUPIL, PUPIL + 'categories = { games = "deny" }\n'),
            "policy staff, where pupil was: games is denied by the policy in force",
        ),
        (
            edited(PUPIL, PUPIL + 'categories = { games = "deny" }\n', SCHEDULED),
            edited("15:00", "14:00", edited(PUPIL, PUPIL + 'categories = { games = "deny" }\n', SCHEDULED)),
            "policy staff, where pupil was: games is denied by the policy in force",
        ),
    ],
)  # fmt: skip
async def test_a_policy_that_opens_is_refused_with_what_it_opens(
    school: RequestSchool, before: str, after: str, said: str
) -> None:
    await call(school, D, "policy.apply", text=before, reason="The term")
    given = {"text": after, "reason": "A new text"}
    if not said:
        assert (await call(school, N, "policy.apply", **given)).is_change
        return
    with pytest.raises(NotPermitted, match="request file other") as refused:
        await call(school, N, "policy.apply", **given)
    assert said in str(refused.value)
    with pytest.raises(NotPermitted):
        await call(school, LOCAL, "policy.apply", **given)
    assert (await call(school, D, "policy.apply", **given)).is_change


async def test_what_only_closes_or_is_layout_is_applied_and_cannot_be_rolled_back_alone(school: RequestSchool) -> None:
    first = await call(school, D, "policy.apply", text=TEXT + "# first\n", reason="The term")
    tighter = edited(STAFF, STAFF + 'categories = { games = "deny" }\nunknown = "deny"\n') + "# a comment\n"
    for text in (
        TEXT + "# only a comment\n",
        tighter,
        edited('deny = ["locked', 'deny = ["l2.example", "locked', tighter),
    ):
        assert (await call(school, N, "policy.apply", text=text, reason="Tighter")).is_change
    with pytest.raises(NotPermitted, match="games is denied by the policy in force"):
        await call(school, N, "policy.rollback", number=first.revision, reason="Back")
    number = (
        await school.ask(H, "file", action="other", wanted="Back to the first text", purpose="The new one is too tight")
    ).number
    await school.approve(number)
    assert (await call(school, N, "policy.rollback", number=first.revision, reason="Back", request=number)).is_change


async def test_the_refusal_names_ten_and_counts_the_rest(school: RequestSchool) -> None:
    await call(school, D, "policy.apply", text=TEXT, reason="The term")
    shorter = TEXT
    for letter in "abcdefghijklm":
        shorter = edited(f'"{letter}1.example", ', "", shorter)
    with pytest.raises(NotPermitted) as refused:
        await call(school, N, "policy.apply", text=shorter, reason="Fewer")
    said = str(refused.value).splitlines()
    assert (sum("is denied by the policy in force" in one for one in said), "  and 16 more" in said) == (10, True)
    assert "m1.example" not in str(refused.value)
