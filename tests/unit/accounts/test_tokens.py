"""Secrets that are shown once: first run, reset links, the break-glass code, API tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.unit.accounts.school import DAY, HOUR, MINUTE, PASSWORD, School

from schoolgate.accounts import (
    account_list,
    account_state,
    api_tokens,
    break_glass,
    first_run,
    grants,
    passwords,
    reset_links,
    second_factors,
    sessions,
    totp_factor,
)
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.errors import (
    AccountRefused,
    ApprovalRefused,
    FactorRefused,
    PasswordRefused,
    SessionEnded,
    SignInRefused,
    TokenRefused,
)
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.roles import GRANTED_BY_APPROVAL, Role
from schoolgate.accounts.sessions import Origin, Stage
from schoolgate.storage.schema import api_token, one_time_token

NEW = "copper ladder blinking nine"


async def _setup_token(school: School, folder: Path) -> str:
    async with school.store.change() as change:
        await first_run.write_token(change, folder / "setup-token", actor="local:root", now_us=school.now)
    return (folder / "setup-token").read_text()


async def _first(school: School, token: str, role: Role = Role.head, password: str = PASSWORD) -> Account:
    return await first_run.make_first_account(
        school.store, school.passwords, token, "margaret", "Margaret Quill", password, role, now_us=school.now
    )


async def test_the_first_head_is_made_with_the_token_of_a_file_that_only_root_reads(
    school: School, tmp_path: Path
) -> None:
    token = await _setup_token(school, tmp_path)
    assert (tmp_path / "setup-token").stat().st_mode & 0o777 == 0o600
    made = await _first(school, token)
    async with school.store.reading() as connection:
        (held,) = await grants.active(connection, made.id)
    assert (held.role, held.scope) == (Role.head, "trust")
    signed = await school.sign_in("margaret")
    assert signed.session.stage is Stage.enrol, "there is no way round a second factor"


async def test_a_setup_token_works_once_for_a_day_and_only_the_newest(school: School, tmp_path: Path) -> None:
    old = await _setup_token(school, tmp_path)
    token = await _setup_token(school, tmp_path)
    for wrong, reason in ((old, "another one"), ("x", "unknown"), ("", "unknown")):
        with pytest.raises(TokenRefused, match=reason):
            await _first(school, wrong)
    begun = school.now
    school.now = begun + DAY
    with pytest.raises(TokenRefused, match="expired"):
        await _first(school, token)
    school.now = begun + DAY - 1
    with pytest.raises(PasswordRefused):
        await _first(school, token, password="short")
    with pytest.raises(AccountRefused, match="head or a trust_director"):
        await _first(school, token, Role.network_manager)
    done = await asyncio.gather(*(_first(school, token) for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Account", "TokenRefused"]


async def test_there_is_no_second_first_run(school: School, tmp_path: Path) -> None:
    """Also not where the network manager took the head's role away."""
    token = await _setup_token(school, tmp_path)
    head = await school.account("head", Role.head)
    with pytest.raises(AccountRefused, match="had a head"):
        await _first(school, token)
    async with school.store.change() as change:
        (held,) = await grants.active(change.connection, head.id)
        await grants.end(change, held.id, actor="local:root", now_us=school.now)
    with pytest.raises(AccountRefused, match="had a head"):
        await _setup_token(school, tmp_path)


async def test_a_setup_token_that_cannot_be_written_is_none(small_school: School, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TokenRefused, match="no token was made"):
        await _setup_token(small_school, tmp_path / "file")
    async with small_school.store.reading() as connection:
        assert (await connection.execute(select(one_time_token))).all() == []


async def _link(school: School, account: Account, actor: str = "local:root") -> reset_links.ResetLink:
    async with school.store.change() as change:
        return await reset_links.issue(change, account, actor=actor, now_us=school.now)


async def _use(school: School, link: reset_links.ResetLink, new: str = NEW) -> Account:
    return await reset_links.use(school.store, school.passwords, link.token, new, school.now)


async def test_a_reset_link_sets_a_password_of_the_holders_choice_and_lifts_no_factor(school: School) -> None:
    head = await school.with_password("head", Role.head)
    await school.enrolled(head)
    opened = await school.session(head)
    link = await _link(school, head)
    assert link.token not in repr(link)
    for _ in range(2):
        assert (await reset_links.look(school.store, link.token, school.now)).id == head.id
    with pytest.raises(PasswordRefused):
        await _use(school, link, "short")
    await _use(school, link)
    with pytest.raises(SessionEnded):
        await sessions.check(school.store, opened.token, school.now)
    with pytest.raises(SignInRefused):
        await school.sign_in("head")
    assert (await school.sign_in("head", NEW)).session.stage is Stage.factor


async def test_a_reset_link_works_once_for_an_hour_and_only_the_newest(school: School) -> None:
    alice = await school.with_password("alice")
    old, link = await _link(school, alice), await _link(school, alice)
    with pytest.raises(TokenRefused, match="another one"):
        await _use(school, old)
    begun = school.now
    school.now += 60 * MINUTE
    with pytest.raises(TokenRefused, match="expired"):
        await _use(school, link)
    school.now = begun + 60 * MINUTE - 1
    done = await asyncio.gather(*(_use(school, link) for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Account", "TokenRefused"]


async def test_a_reset_link_of_a_disabled_or_compromised_account_is_worth_nothing(school: School) -> None:
    for act in (account_state.disable, account_state.compromise):
        account = await school.with_password(act.__name__)
        link = await _link(school, account)
        async with school.store.change() as change:
            await act(change, account.id, actor="local:root", now_us=school.now)
        with pytest.raises(TokenRefused):
            await _use(school, link)


@pytest.mark.parametrize("role", [Role.head, Role.data_protection_officer])
async def test_a_reset_link_is_made_by_another_person_and_gives_no_approving_role_away(
    school: School, role: Role
) -> None:
    alice, head = await school.with_password("alice"), await school.with_password("head", role)
    with pytest.raises(AccountRefused, match="another administrator"):
        await _link(school, alice, actor_id(alice.id))
    with pytest.raises(AccountRefused, match="no second factor"):
        await _link(school, head)
    await school.enrolled(head)
    await _link(school, head)


async def test_a_reset_link_ends_the_lock_of_a_hundred_failures(small_school: School) -> None:
    alice = await small_school.with_password("alice")
    for at in range(100):
        while True:
            with pytest.raises(SignInRefused) as found:
                await small_school.sign_in("alice", "wrong", f"10.0.{at}.1")
            if not found.value.retry_after_us:
                break
            small_school.now += found.value.retry_after_us
    small_school.now += HOUR
    with pytest.raises(SignInRefused):
        await small_school.sign_in("alice")
    await _use(small_school, await _link(small_school, alice))
    await small_school.sign_in("alice", NEW)


async def _sealed(school: School, maker: Account) -> str:
    async with school.store.change() as change:
        return await break_glass.seal(change, maker=maker.id, now_us=school.now)


async def test_the_break_glass_code_opens_one_session_and_alerts_two_people(school: School) -> None:
    head, lead = await school.account("head", Role.head), await school.account("lead", Role.safeguarding_lead)
    code = await _sealed(school, head)
    typed = code.upper().replace("-", " ")
    used = await break_glass.use(school.store, typed, Origin("192.0.2.1"), school.now)
    assert {one.id for one in used.alerted} == {head.id, lead.id}
    assert used.opened.session.is_full
    assert used.opened.session.is_fresh(school.now)
    (entry,) = await school.entries(break_glass.USED)
    assert set(entry["detail"]["alerted"]) == {str(head.id), str(lead.id)}
    with pytest.raises(TokenRefused, match="used"):
        await break_glass.use(school.store, code, Origin(), school.now)
    async with school.store.change() as change:
        alice = await account_list.create(change, "alice", "Alice", actor="x", now_us=school.now)
        asked = await grants.grant(change, alice.id, Role.head, "trust", actor="local:root", now_us=school.now)
        done = await grants.approve(change, asked.id, approver=used.opened.session.account_id, now_us=school.now)
    assert done.state is GrantState.active


async def test_the_break_glass_account_gets_no_other_way_in(school: School) -> None:
    head = await school.account("head", Role.head)
    await school.account("lead", Role.safeguarding_lead)
    with pytest.raises(AccountRefused, match="belongs to the sealed code"):
        await school.account("Break-Glass")
    used = await break_glass.use(school.store, await _sealed(school, head), Origin(), school.now)
    account_id = used.opened.session.account_id
    async with school.store.reading() as connection:
        other = await school.session(await account_list.by_id(connection, account_id))
    async with school.store.change() as change:
        with pytest.raises(FactorRefused, match="used once"):
            await totp_factor.begin(change, used.opened.session, school.key, now_us=school.now)
        holder = await account_list.by_id(change.connection, account_id)
        # By account: also from a session that another way opened.
        with pytest.raises(FactorRefused, match="used once"):
            await totp_factor.begin(change, other.session, school.key, now_us=school.now)
        with pytest.raises(AccountRefused, match="no other way in"):
            await reset_links.issue(change, holder, actor="local:root", now_us=school.now)
        with pytest.raises(AccountRefused, match="no other way in"):
            await passwords.store_hash(change, account_id, "x", actor="local:root", now_us=school.now)
        for actor in ("local:root", actor_id(account_id)):
            with pytest.raises(AccountRefused, match="no other way in"):
                await api_tokens.make(change, account_id, "x", ["a"], school.now + DAY, actor=actor, now_us=school.now)
        with pytest.raises(AccountRefused, match="next code"):
            await break_glass.seal(change, maker=account_id, now_us=school.now)
        change.is_signed = True
    await _sealed(school, head)
    with pytest.raises(SessionEnded, match="another code"):
        await sessions.check(school.store, used.opened.token, school.now)


async def _break_glass_account(school: School) -> Account:
    async with school.store.reading() as connection:
        return await account_list.by_login(connection, school.store.site_id, break_glass.LOGIN)


async def test_nothing_but_its_use_and_a_new_code_uses_the_sealed_code_up(school: School) -> None:
    """Its use alerts people; an administrator's command must not make it worthless in silence."""
    head = await school.account("head", Role.head)
    await school.account("lead", Role.safeguarding_lead)
    code = await _sealed(school, head)
    holder = await _break_glass_account(school)
    for act in (account_state.compromise, account_state.disable, account_state.enable):
        async with school.store.change() as change:
            await act(change, holder.id, actor="local:root", now_us=school.now)
    used = await break_glass.use(school.store, code, Origin(), school.now)
    assert len(used.alerted) == 2


async def test_only_a_head_or_director_seals_a_code_and_two_people_can_be_alerted(small_school: School) -> None:
    manager = await small_school.account("manager", Role.network_manager)
    head = await small_school.account("head", Role.head)
    with pytest.raises(ApprovalRefused):
        await _sealed(small_school, manager)
    with pytest.raises(AccountRefused, match="two people"):
        await _sealed(small_school, head)
    await small_school.account("lead", Role.safeguarding_lead)
    old = await _sealed(small_school, head)
    await _sealed(small_school, head)
    with pytest.raises(TokenRefused):
        await break_glass.use(small_school.store, old, Origin(), small_school.now)
    for wrong in ("", "x", "a" * 10_000, "\ud800"):
        with pytest.raises(TokenRefused, match="unknown"):
            await break_glass.use(small_school.store, wrong, Origin(), small_school.now)


async def test_a_secret_for_one_purpose_is_unknown_for_another(small_school: School, tmp_path: Path) -> None:
    token = (await _setup_token(small_school, tmp_path)).strip()
    with pytest.raises(TokenRefused, match="unknown"):
        await reset_links.use(small_school.store, small_school.passwords, token, NEW, small_school.now)


async def _token(school: School, account: Account, *scopes: str, life: int = DAY) -> api_tokens.NewApiToken:
    async with school.store.change() as change:
        return await api_tokens.make(
            change, account.id, "a script", scopes, school.now + life, actor=actor_id(account.id), now_us=school.now
        )


async def test_an_api_token_is_shown_once_scoped_and_expires(school: School) -> None:
    alice = await school.account("alice")
    made = await _token(school, alice, "policy.read", "log.search")
    assert made.secret.startswith("sgt_")
    async with school.store.reading() as connection:
        (row,) = (await connection.execute(select(api_token))).mappings().all()
    assert made.secret not in str(dict(row)) + repr(made)
    found = await api_tokens.check(school.store, made.secret, school.now, "policy.read")
    assert (found.account_id, found.scopes) == (alice.id, ("log.search", "policy.read"))
    with pytest.raises(TokenRefused, match="no scope"):
        await api_tokens.check(school.store, made.secret, school.now, "policy.write")
    await api_tokens.check(school.store, made.secret, school.now + DAY - 1, "policy.read")
    with pytest.raises(TokenRefused, match="expired"):
        await api_tokens.check(school.store, made.secret, school.now + DAY, "policy.read")
    (listed,) = await api_tokens.own_tokens(school.store, alice.id, school.now)
    assert listed.used_us == school.now + DAY - 1


@pytest.mark.parametrize("role", sorted(GRANTED_BY_APPROVAL))
@pytest.mark.parametrize("state", [GrantState.active, GrantState.requested])
async def test_no_other_person_makes_a_token_with_a_role_that_is_granted_by_approval(
    small_school: School, role: Role, state: GrantState
) -> None:
    """Whoever has the token has the role: also one that is granted after the token was made."""
    manager = await small_school.account("manager", Role.network_manager)
    holder = await small_school.account("holder")
    async with small_school.store.change() as change:
        await grants.insert(change, holder.id, role, "trust", state, actor="local:past", now_us=small_school.now)
    expires_us = small_school.now + DAY
    for actor in ("local:root", actor_id(manager.id)):
        with pytest.raises(AccountRefused, match="itself"):
            async with small_school.store.change() as change:
                await api_tokens.make(
                    change, holder.id, "x", ["log.search"], expires_us, actor=actor, now_us=small_school.now
                )
    assert await api_tokens.own_tokens(small_school.store, holder.id, small_school.now) == []
    await _token(small_school, holder, "log.search")


async def test_a_revoked_token_is_refused_and_another_accounts_is_not_revoked(school: School) -> None:
    alice, bob = await school.account("alice"), await school.account("bob")
    made = await _token(school, alice, "policy.read")
    async with school.store.change() as change:
        with pytest.raises(TokenRefused, match="no token"):
            await api_tokens.revoke(change, bob.id, made.token.id, actor=actor_id(bob.id), now_us=school.now)
        await api_tokens.revoke(change, alice.id, made.token.id, actor=actor_id(alice.id), now_us=school.now)
    with pytest.raises(TokenRefused, match="revoked"):
        await api_tokens.check(school.store, made.secret, school.now, "policy.read")


@pytest.mark.parametrize(
    ("label", "scopes", "life"),
    [("", ["a"], 1), ("x" * 81, ["a"], 1), ("a\nb", ["a"], 1), ("a", [], 1), ("a", ["A"], 1), ("a", ["a b"], 1),
     ("a", ["a"], 0), ("a", ["a"], -1), ("a", ["a"], 367 * DAY)],
)  # fmt: skip
async def test_a_token_that_makes_no_sense_is_refused(
    small_school: School, label: str, scopes: list[str], life: int
) -> None:
    alice = await small_school.account("alice")
    with pytest.raises(AccountRefused):
        async with small_school.store.change() as change:
            await api_tokens.make(
                change, alice.id, label, scopes, small_school.now + life, actor="x", now_us=small_school.now
            )


async def test_an_account_has_a_bounded_number_of_tokens(small_school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_tokens, "MOST_TOKENS", 2)
    alice = await small_school.account("alice")
    for _ in range(2):
        await _token(small_school, alice, "policy.read")
    with pytest.raises(AccountRefused, match="revoke one"):
        await _token(small_school, alice, "policy.read")
    small_school.now += 2 * DAY
    await _token(small_school, alice, "policy.read")
    async with small_school.store.reading() as connection:
        assert not (await second_factors.factors_of(connection, alice.id)).has_any
