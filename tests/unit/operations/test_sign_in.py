"""A sign-in by the operations, from the first account to the end of its session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.unit.accounts.authenticator import Authenticator
from tests.unit.operations.signed_in import HOUR, MINUTE, OTHER_PASSWORD, PASSWORD, SECOND, School, opened

from schoolgate.accounts import account_state, first_run, grants, reset_links
from schoolgate.accounts.account_list import by_login
from schoolgate.accounts.errors import (
    FactorRefused,
    PasswordRefused,
    ProviderRefused,
    SessionEnded,
    SignInRefused,
    TokenRefused,
)
from schoolgate.accounts.roles import Role
from schoolgate.errors import SchoolgateError
from schoolgate.operations.accounts.session_results import SignInStep
from schoolgate.operations.errors import FactorNeeded, NotPermitted, SignInUnfinished


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


async def first_head(school: School) -> SignInStep:
    """The first account, made with the token of the file, signed in up to its second factor."""
    async with school.change() as change:
        await first_run.write_token(change, school.state / "setup-token", actor="uid:0", now_us=school.clock.us)
    token = (school.state / "setup-token").read_text()
    assert await school.call("", "session.look_first_run", token=token)
    await school.call(
        "", "session.first_run", token=token, login="margaret", display_name="Margaret Quill", password=PASSWORD
    )
    return await school.begin("margaret")


@pytest.mark.asyncio
async def test_from_the_first_token_to_the_end_of_a_session(school: School) -> None:
    begun = await first_head(school)
    assert (begun.stage, begun.names, begun.device) == ("enrol", ("totp",), None)
    with pytest.raises(SignInUnfinished, match="enrol"):
        await school.call(begun.token, "policy.revisions")
    with pytest.raises(SignInUnfinished):
        await school.call(begun.token, "session.list")
    start = await school.call(begun.token, "session.enrol_totp_start")
    assert start.secret in start.uri and start.qr_svg.startswith("<svg")
    done = await school.call(begun.token, "session.enrol_totp", code=school.code(start.secret))
    assert (done.step.stage, len(done.recovery_codes)) == ("full", 10)
    assert done.step.device
    who = await school.call(done.step.token, "session.show")
    assert (who.login, who.stage, who.is_fresh) == ("margaret", "full", True)
    assert [(one.role, one.scope, one.holds_here) for one in who.roles] == [("head", "trust", True)]
    assert await school.call(done.step.token, "policy.revisions") == ()
    assert await school.call(done.step.token, "session.end")
    with pytest.raises(SessionEnded, match="signed out"):
        await school.call(done.step.token, "session.show")
    with pytest.raises(TokenRefused):
        await school.call("", "session.look_first_run", token="another")


@pytest.mark.asyncio
async def test_each_step_renews_the_token_and_a_code_is_taken_once(school: School) -> None:
    begun = await first_head(school)
    start = await school.call(begun.token, "session.enrol_totp_start")
    await school.call(begun.token, "session.enrol_totp", code=school.code(start.secret))
    school.clock.us += MINUTE
    first = await school.begin("margaret")
    assert (first.stage, first.names) == ("factor", ("totp", "recovery_code"))
    code = school.code(start.secret)
    second = await school.call(first.token, "session.totp", code=code)
    assert second.stage == "full"
    with pytest.raises(SessionEnded, match="renewed"):
        await school.call(first.token, "session.totp", code=code)
    third = await school.begin("margaret")
    with pytest.raises(SignInRefused):
        await school.call(third.token, "session.totp", code=code)


@pytest.mark.asyncio
async def test_what_needs_a_fresh_factor_asks_for_it_again_after_five_minutes(school: School) -> None:
    begun = await first_head(school)
    start = await school.call(begun.token, "session.enrol_totp_start")
    head = (await school.call(begun.token, "session.enrol_totp", code=school.code(start.secret))).step.token
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    reveal = {"pseudonym": "none", "reason": "a test"}
    with pytest.raises(NotPermitted):
        await school.call(head, "log.reveal", **reveal)
    with pytest.raises(SchoolgateError, match="none"):
        await school.call(lead, "log.reveal", **reveal)
    school.clock.us += 5 * MINUTE + SECOND
    with pytest.raises(FactorNeeded):
        await school.call(lead, "log.reveal", **reveal)
    with pytest.raises(FactorNeeded):
        await school.call(head, "session.change_password", old=PASSWORD, new=OTHER_PASSWORD)
    fresh = await school.call(head, "session.totp", code=school.code(start.secret))
    shown = await school.call(fresh.token, "session.change_password", old=PASSWORD, new=OTHER_PASSWORD)
    assert shown.is_fresh
    with pytest.raises(SignInRefused):
        await school.begin("margaret", PASSWORD)


@pytest.mark.asyncio
async def test_a_link_sets_a_password_once_and_looking_uses_nothing_up(school: School) -> None:
    await school.account("asmith", Role.teacher)
    async with school.change() as change:
        holder = await by_login(change.connection, change.site_id, "asmith")
        token = (await reset_links.issue(change, holder, actor="uid:0", now_us=school.clock.us)).token
    assert (await school.call("", "session.look_link", token=token)).login == "asmith"
    with pytest.raises(PasswordRefused) as weak:
        await school.call("", "session.redeem_link", token=token, password="Summer2026")
    assert len(weak.value.reasons) > 1
    assert (await school.call("", "session.redeem_link", token=token, password=PASSWORD)).login == "asmith"
    with pytest.raises(TokenRefused):
        await school.call("", "session.redeem_link", token=token, password=OTHER_PASSWORD)
    full = await school.begin("asmith")
    assert (full.stage, full.names) == ("full", ())
    again = await school.begin("asmith", device=full.device)
    assert again.device is None, "a known browser keeps its cookie"


@pytest.mark.asyncio
async def test_a_password_that_must_change_is_changed_to_another_one(school: School) -> None:
    begun = await first_head(school)
    start = await school.call(begun.token, "session.enrol_totp_start")
    done = await school.call(begun.token, "session.enrol_totp", code=school.code(start.secret))
    assert await school.call(done.step.token, "session.compromised") == 1
    school.clock.us += MINUTE
    waits = await school.call((await school.begin("margaret")).token, "session.totp", code=school.code(start.secret))
    assert (waits.stage, waits.names) == ("change", ())
    with pytest.raises(SignInUnfinished):
        await school.call(waits.token, "session.factors")
    with pytest.raises(PasswordRefused, match="old"):
        await school.call(waits.token, "session.choose_password", password=PASSWORD)
    full = await school.call(waits.token, "session.choose_password", password=OTHER_PASSWORD)
    assert full.stage == "full"


@pytest.mark.asyncio
async def test_own_sessions_are_listed_and_ended_but_not_those_of_others(school: School) -> None:
    alice = await school.account("alice", Role.teacher)
    here, there = await school.session(alice), await school.session(alice)
    bob = await school.signed_in("bob", Role.teacher)
    (others,) = await school.call(bob, "session.list")
    listed = await school.call(here, "session.list")
    assert sorted(one.is_this for one in listed) == [False, True]
    assert {one.address for one in listed} == {"192.0.2.7"}
    with pytest.raises(SessionEnded):
        await school.call(here, "session.end_one", session_id=str(others.id))
    other = next(one for one in listed if not one.is_this)
    assert await school.call(here, "session.end_one", session_id=str(other.id))
    with pytest.raises(SessionEnded):
        await school.call(there, "session.show")
    assert (await school.call(bob, "session.show")).login == "bob"


@pytest.mark.asyncio
async def test_a_disabled_account_and_one_with_other_roles_are_out_at_the_next_call(school: School) -> None:
    alice = await school.account("alice", Role.network_manager)
    token = await school.session(alice)
    assert await school.call(token, "policy.revisions") == ()
    async with school.change() as change:
        (held,) = await grants.active(change.connection, alice)
        await grants.end(change, held.id, actor="uid:0", now_us=school.clock.us)
    with pytest.raises(SessionEnded, match="roles"):
        await school.call(token, "policy.revisions")
    token = await school.session(alice)
    with pytest.raises(NotPermitted):
        await school.call(token, "policy.revisions")
    async with school.change() as change:
        await account_state.disable(change, alice, actor="uid:0", now_us=school.clock.us)
    with pytest.raises(SessionEnded, match="disabled"):
        await school.call(token, "session.show")


@pytest.mark.asyncio
async def test_a_role_in_a_segment_or_another_school_gives_no_right_here(school: School) -> None:
    school.write('[accounts]\nschool = "north"\n')
    for at, (scope, is_right) in enumerate(
        [("trust", True), ("school:north", True), ("school:south", False), ("segment:pupils", False)]
    ):
        token = await school.session(await school.account(f"p{at}", Role.network_manager, scope=scope))
        (role,) = (await school.call(token, "session.show")).roles
        assert (role.scope, role.holds_here) == (scope, is_right)
        if is_right:
            assert await school.call(token, "policy.revisions") == ()
        else:
            with pytest.raises(NotPermitted):
                await school.call(token, "policy.revisions")
    school.write("")
    token = await school.session(await school.account("late", Role.network_manager, scope="school:north"))
    with pytest.raises(NotPermitted):
        await school.call(token, "policy.revisions")


@pytest.mark.asyncio
async def test_sessions_end_when_idle_and_after_twelve_hours(school: School) -> None:
    alice = await school.account("alice", Role.teacher)
    idle, used = await school.session(alice), await school.session(alice)
    for _ in range(24):
        school.clock.us += 29 * MINUTE
        await school.call(used, "session.show")
    with pytest.raises(SessionEnded, match="idle"):
        await school.call(idle, "session.show")
    school.clock.us += HOUR // 2 - MINUTE
    with pytest.raises(SessionEnded, match="too old"):
        await school.call(used, "session.show")


@pytest.mark.asyncio
async def test_a_forged_session_is_refused_and_many_are_one_entry(school: School) -> None:
    for at in range(50):
        with pytest.raises(SessionEnded, match="unknown"):
            await school.call(f"forged-{at}", "policy.revisions")
    refused = await school.entries("policy.revisions")
    assert [(one["actor"], one["outcome"]) for one in refused] == [("unknown", "refused")]


@pytest.mark.asyncio
async def test_without_a_session_only_the_steps_of_a_sign_in_are_open(school: School) -> None:
    with pytest.raises(NotPermitted):
        await school.call("", "policy.revisions")
    with pytest.raises(NotPermitted):
        await school.call("", "session.show")
    with pytest.raises(FactorRefused, match="passkey_domain"):
        await school.call("", "session.passkey_options")
    with pytest.raises(ProviderRefused):
        await school.call("", "session.oidc_start", provider="entra")
    with pytest.raises(TokenRefused):
        await school.call("", "session.break_glass", code="aaaa-bbbb")


@pytest.mark.asyncio
async def test_a_passkey_is_set_up_and_signs_in_alone(school: School) -> None:
    school.write('[accounts]\npasskey_domain = "school.example.org"\n')
    alice = await school.account("alice", Role.network_manager)
    token = await school.session(alice)
    key = Authenticator("https://school.example.org")
    options = await school.call(token, "session.enrol_passkey_start")
    made = await school.call(token, "session.enrol_passkey", answer=key.create(options), label="phone")
    assert len(made.recovery_codes) == 10
    assert [one.label for one in (await school.call(made.step.token, "session.factors")).passkeys] == ["phone"]
    options = await school.call("", "session.passkey_options")
    answer = key.get(options)
    alone = await school.call("", "session.passkey", answer=answer)
    assert (alone.stage, alone.login) == ("full", "alice")
    with pytest.raises(SignInRefused):
        await school.call("", "session.passkey", answer=answer)
    (one,) = (await school.call(alone.token, "session.factors")).passkeys
    with pytest.raises(FactorRefused, match="last"):
        await school.call(alone.token, "session.remove_passkey", passkey=str(one.id))


@pytest.mark.asyncio
async def test_an_open_session_alone_sets_up_no_first_factor(school: School) -> None:
    token = await signed_in_by_password(school)
    for start in ("session.enrol_totp_start", "session.enrol_passkey_start"):
        with pytest.raises(FactorRefused, match="password"):
            await school.call(token, start)
        with pytest.raises(SignInRefused):
            await school.call(token, start, password=OTHER_PASSWORD)
    with pytest.raises(FactorRefused, match="begin one"):
        await school.call(token, "session.enrol_totp", code="000000")
    assert (await school.call(token, "session.factors")).asks_password
    assert "failed" in [one["outcome"] for one in await school.entries("account.sign_in")]
    start = await school.call(token, "session.enrol_totp_start", password=PASSWORD)
    school.clock.us += 11 * MINUTE
    with pytest.raises(FactorRefused, match="begin one"):
        await school.call(token, "session.enrol_totp", code=school.code(start.secret))
    start = await school.call(token, "session.enrol_totp_start", password=PASSWORD)
    done = await school.call(token, "session.enrol_totp", code=school.code(start.secret))
    assert done.step.stage == "full"
    assert not (await school.call(done.step.token, "session.factors")).asks_password


@pytest.mark.asyncio
async def test_the_password_for_a_first_factor_is_not_guessed_without_end(school: School) -> None:
    token = await signed_in_by_password(school)
    for _ in range(17):  # ten of a known browser, then as from an unknown one
        with pytest.raises(SignInRefused):
            await school.call(token, "session.enrol_totp_start", password=OTHER_PASSWORD)
    with pytest.raises(SignInRefused) as waits:
        await school.call(token, "session.enrol_totp_start", password=PASSWORD)
    assert waits.value.retry_after_us


@pytest.mark.asyncio
async def test_without_a_password_a_first_factor_is_set_up_right_after_the_sign_in(school: School) -> None:
    token = await school.signed_in("tom", Role.teacher, is_fresh=False)
    assert not (await school.call(token, "session.factors")).asks_password
    school.clock.us += 5 * MINUTE
    assert (await school.call(token, "session.enrol_totp_start")).secret
    school.clock.us += SECOND
    with pytest.raises(FactorRefused, match="sign in again"):
        await school.call(token, "session.enrol_totp_start")


async def signed_in_by_password(school: School) -> str:
    """A teacher's session, without a second factor."""
    school.write('[accounts]\npasskey_domain = "school.example.org"\n')
    await school.account("asmith", Role.teacher)
    async with school.change() as change:
        holder = await by_login(change.connection, change.site_id, "asmith")
        link = (await reset_links.issue(change, holder, actor="uid:0", now_us=school.clock.us)).token
    await school.call("", "session.redeem_link", token=link, password=PASSWORD)
    step = await school.begin("asmith")
    assert step.stage == "full"
    return step.token
