"""What needs two people: approving roles, lost factors of approvers, the sealed code; and what a grant ends."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import MINUTE, School, opened

from schoolgate.accounts.account_list import set_columns
from schoolgate.accounts.errors import (
    AccountRefused,
    ApprovalRefused,
    FactorRefused,
    GrantRefused,
    SessionEnded,
    SignInRefused,
    TokenRefused,
)
from schoolgate.accounts.roles import Role
from schoolgate.accounts.source_buckets import CAPACITY
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.outbox import Outbox
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import ArgumentsRefused, FactorNeeded, NotPermitted

LOCAL = frozenset({Role.network_manager, Role.safeguarding_lead, Role.data_protection_officer})


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


async def by_root(school: School, name: str, /, **arguments: object) -> object:
    return await school.operations.call(Actor("uid:0", "root", LOCAL), name, arguments)


def mails(school: School) -> list[tuple[str, str]]:
    """Recipients and subjects that wait in the outbox."""
    with contextlib.closing(AlertStore.open(school.state / "monitor" / "alerts.db")) as store:
        due = Outbox(store).due(school.clock.now(), 100)
    return sorted((one.recipient, one.message.subject) for one in due)


@pytest.mark.asyncio
async def test_an_approving_role_is_a_request_that_a_head_decides(school: School) -> None:
    manager, head = await school.signed_in("nina", Role.network_manager), await school.signed_in("hal", Role.head)
    await school.account("dora", Role.teacher)
    asked = await school.call(manager, "account.role", login="dora", role="safeguarding_lead")
    assert asked.state == "requested"
    (waiting,) = (await school.call(head, "account.requests")).roles
    assert (waiting.login, waiting.grant.id, waiting.grant.role) == ("dora", asked.id, "safeguarding_lead")
    with pytest.raises(NotPermitted):
        await school.call(manager, "account.approve", grant=str(asked.id))
    with pytest.raises(NotPermitted, match="signed in"):
        await by_root(school, "account.approve", grant=str(asked.id))
    granted = await school.call(head, "account.approve", grant=str(asked.id))
    assert (granted.state, granted.decided_by is not None) == ("active", True)
    with pytest.raises(GrantRefused, match="already"):
        await school.call(head, "account.refuse", grant=str(asked.id))
    attempts = [one["outcome"] for one in await school.entries("account.refuse")]
    assert attempts == ["refused"], "an attempt that the library refuses is on record, too"


@pytest.mark.asyncio
async def test_who_asked_does_not_approve_whatever_else_they_are(school: School) -> None:
    both = await school.signed_in("bo", Role.trust_director)
    await school.account("dora")
    asked = await school.call(both, "account.role", login="dora", role="head")
    with pytest.raises(ApprovalRefused, match="requester"):
        await school.call(both, "account.approve", grant=str(asked.id))
    with pytest.raises(GrantRefused, match="itself"):
        await school.call(both, "account.role", login="bo", role="head")


@pytest.mark.asyncio
async def test_a_user_of_this_machine_does_not_approve_under_an_account_of_the_same_name(school: School) -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    same, other = await school.signed_in(name.title(), Role.head), await school.signed_in("hal", Role.head)
    await school.account("dora")
    asked = await school.operations.call(
        Actor(f"uid:{os.getuid()}", name, LOCAL), "account.role", {"login": "dora", "role": "head"}
    )
    with pytest.raises(ApprovalRefused, match="same name"):
        await school.call(same, "account.approve", grant=str(asked.id))
    assert (await school.call(other, "account.approve", grant=str(asked.id))).state == "active"


@pytest.mark.asyncio
async def test_tokens_and_sessions_from_before_an_approving_role_do_not_get_it(school: School) -> None:
    head = await school.signed_in("hal", Role.head)
    dora = await school.account("dora", Role.network_manager)
    before = await school.session(dora)
    secret = (await school.call(before, "session.make_token", label="a script", scopes=["policy"])).secret
    assert await school.by_token(secret, "policy.revisions") == ()
    asked = await by_root(school, "account.role", login="dora", role="safeguarding_lead")
    assert await school.by_token(secret, "policy.revisions") == (), "a request alone ends nothing"
    await school.call(head, "account.approve", grant=str(asked.id))  # type: ignore[attr-defined]
    with pytest.raises(TokenRefused):
        await school.by_token(secret, "policy.revisions")
    with pytest.raises(SessionEnded):
        await school.call(before, "session.show")


@pytest.mark.asyncio
async def test_a_token_may_do_what_its_scopes_name_and_its_account_may(school: School) -> None:
    teacher = await school.signed_in("tom", Role.teacher)
    manager = await school.signed_in("nina", Role.network_manager)
    for token, is_right in ((teacher, False), (manager, True)):
        made = await school.call(token, "session.make_token", label="x", scopes=["policy.revisions", "alerts"])
        assert [one.id for one in await school.call(token, "session.tokens")] == [made.token.id]
        assert not hasattr((await school.call(token, "session.tokens"))[0], "secret")
        if is_right:
            assert await school.by_token(made.secret, "policy.revisions") == ()
        else:
            with pytest.raises(NotPermitted):
                await school.by_token(made.secret, "policy.revisions")
        with pytest.raises(TokenRefused, match="scope"):
            await school.by_token(made.secret, "policy.show")
        assert await school.call(token, "session.revoke_token", token=str(made.token.id))
        with pytest.raises(TokenRefused):
            await school.by_token(made.secret, "policy.revisions")


@pytest.mark.asyncio
async def test_the_factor_of_an_approver_takes_two_others_and_its_holder_is_informed(school: School) -> None:
    head = await school.account("hal", Role.head)
    async with school.change() as change:
        await set_columns(change.connection, head, mail="hal@school.example")
        change.is_signed = True
    asked = await by_root(school, "account.reset_factor", login="hal")
    lead, officer = (
        await school.signed_in("dora", Role.safeguarding_lead),
        await school.signed_in("olga", Role.data_protection_officer),
    )
    own = await school.session(head)
    with pytest.raises(ApprovalRefused, match="holder"):
        await school.call(own, "account.agree_reset", reset=str(asked.id))  # type: ignore[attr-defined]
    first = await school.call(officer, "account.agree_reset", reset=str(asked.id))  # type: ignore[attr-defined]
    assert (first.state, (await school.call(lead, "account.requests")).resets) == ("requested", (first,))
    done = await school.call(lead, "account.agree_reset", reset=str(asked.id))  # type: ignore[attr-defined]
    assert done.state == "done"
    assert mails(school) == [("hal@school.example", "[schoolgate] Your second factor was removed")]
    with pytest.raises(FactorRefused):
        await school.call(lead, "account.agree_reset", reset=str(asked.id))  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_the_sealed_code_opens_one_session_and_every_approver_is_mailed(school: School) -> None:
    head = await school.signed_in("hal", Role.head)
    with pytest.raises(AccountRefused, match="two"):
        await school.call(head, "account.seal_break_glass")
    lead = await school.account("dora", Role.safeguarding_lead)
    async with school.change() as change:
        await set_columns(change.connection, lead, mail="dora@school.example")
        change.is_signed = True
    code = await school.call(head, "account.seal_break_glass")
    with pytest.raises(TokenRefused):
        await school.call("", "session.break_glass", code=code[:-1])
    opened_ = await school.call("", "session.break_glass", code=code.upper())
    assert (opened_.step.stage, opened_.alerted) == ("full", 2)
    assert mails(school) == [("dora@school.example", "[schoolgate] The break-glass code was used")]
    with pytest.raises(TokenRefused):
        await school.call("", "session.break_glass", code=code)
    with pytest.raises(AccountRefused):
        await school.call(opened_.step.token, "session.make_token", label="x", scopes=["policy"])
    assert code not in str(await school.entries())


@pytest.mark.asyncio
async def test_wrong_codes_of_others_do_not_lock_the_sealed_code(school: School) -> None:
    head = await school.signed_in("hal", Role.head)
    await school.account("dora", Role.safeguarding_lead)
    code = await school.call(head, "account.seal_break_glass")
    for _ in range(CAPACITY + 1):
        with pytest.raises((TokenRefused, SignInRefused)):
            await school.call("", "session.break_glass", code="aaaa-bbbb")
    with pytest.raises(SignInRefused):
        await school.call("", "session.break_glass", code=f"{code}a")
    assert (await school.call("", "session.break_glass", code=code)).step.stage == "full"
    with pytest.raises(SignInRefused):
        await school.call("", "session.break_glass", code=code)


@pytest.mark.asyncio
async def test_what_changes_accounts_needs_a_fresh_factor_of_a_person(school: School) -> None:
    manager = await school.signed_in("nina", Role.network_manager)
    made = await school.call(manager, "account.create", login="tom", display_name="Tom", mail="tom@school.example")
    assert made.token
    school.clock.us += 6 * MINUTE
    for name, arguments in (
        ("account.role", {"login": "tom", "role": "teacher"}),
        ("account.reset_password", {"login": "tom"}),
        ("session.make_token", {"label": "x", "scopes": ["policy"]}),
        ("account.disable", {"login": "tom"}),
    ):
        with pytest.raises(FactorNeeded):
            await school.call(manager, name, **arguments)
    fresh = await school.signed_in("mia", Role.network_manager)
    assert (await school.call(fresh, "account.disable", login="tom")).login == "tom"
    with pytest.raises(AccountRefused, match="itself"):
        await school.call(fresh, "account.disable", login="mia")
    with pytest.raises(ArgumentsRefused):
        await school.call(fresh, "account.role", login="tom", role="god")


@pytest.mark.asyncio
async def test_reviews_are_listed_and_confirmed_by_another_person(school: School) -> None:
    head = await school.signed_in("hal", Role.head)
    manager = await school.signed_in("nina", Role.network_manager)
    listed = await school.call(head, "account.review")
    assert {one.login for one in listed} == {"hal", "nina"}
    own = next(one for one in listed if one.login == "nina")
    with pytest.raises(GrantRefused, match="own"):
        await school.call(manager, "account.confirm", grant=str(own.grant.id))
    with pytest.raises(NotPermitted):
        await school.call(head, "account.confirm", grant=str(own.grant.id))
    hals = next(one for one in listed if one.login == "hal")
    assert (await school.call(manager, "account.confirm", grant=str(hals.grant.id))).reviewed_us == school.clock.us


@pytest.mark.asyncio
async def test_who_looks_at_the_sessions_of_a_person_is_on_record(school: School) -> None:
    manager = await school.signed_in("nina", Role.network_manager)
    await school.signed_in("tom", Role.teacher)
    (seen,) = await school.call(manager, "account.sessions", login="tom")
    assert seen.address == "192.0.2.7"
    (entry,) = await school.entries("account.sessions")
    assert (entry["outcome"], "tom" in str(entry)) == ("done", False)
    assert await school.call(manager, "account.end_sessions", login="tom") == 1


@pytest.mark.asyncio
async def test_no_result_or_audit_entry_holds_a_secret_but_the_one_that_shows_it(school: School) -> None:
    manager = await school.signed_in("nina", Role.network_manager)
    link = await school.call(manager, "account.create", login="tom", display_name="Tom")
    made = await school.call(manager, "account.make_token", login="tom", label="x", scopes=["policy"])
    shown = [
        await school.call(manager, "account.list"),
        await school.call(manager, "account.tokens", login="tom"),
        await school.call(manager, "account.review"),
        await school.call(manager, "session.list"),
        await school.entries(),
        repr(link),
        repr(made),
    ]
    for secret in (link.token, made.secret, manager):
        assert secret not in str(shown)


@pytest.mark.asyncio
async def test_a_role_that_ends_takes_the_session_with_it(school: School) -> None:
    director = await school.signed_in("tara", Role.trust_director)
    nina = await school.account("nina", Role.network_manager)
    token = await school.session(nina)
    await school.call(director, "account.end_role", login="nina", role="network_manager")
    with pytest.raises(SessionEnded):
        await school.call(token, "policy.revisions")
    (one,) = [one for one in await school.call(director, "account.list") if one.login == "nina"]
    assert one.grants == ()
