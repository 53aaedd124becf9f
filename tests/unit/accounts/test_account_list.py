"""Accounts: one for each login name, however it is spelt; disabled and enabled with all that hangs on them."""

from __future__ import annotations

import pytest
from tests.unit.accounts.school import DAY, School

from schoolgate.accounts import account_list, account_state, api_tokens, grants, known_devices, sessions
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import AccountRefused, NoSuchAccount, SessionEnded, SignInRefused, TokenRefused
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.roles import Role
from schoolgate.storage import audit_reading


async def _create(school: School, login: str, **more: str) -> account_list.Account:
    async with school.store.change() as change:
        return await account_list.create(change, login, "A Person", actor="local:root", now_us=school.now, **more)


@pytest.mark.parametrize("other", ["JOSÉ", "jose\u0301", " José "])
async def test_one_login_name_in_any_spelling(small_school: School, other: str) -> None:
    made = await _create(small_school, "José")
    with pytest.raises(AccountRefused, match="already"):
        await _create(small_school, other)
    async with small_school.store.reading() as connection:
        found = await account_list.by_login(connection, small_school.store.site_id, other)
    assert found == made
    assert (found.login, found.id.version) == ("José", 7)


@pytest.mark.parametrize("login", ["", " ", "a\nb", "a\u202eb", "x" * 255, "\x00"])
async def test_a_login_name_that_cannot_be_read_is_refused(small_school: School, login: str) -> None:
    with pytest.raises(AccountRefused, match="login name"):
        await _create(small_school, login)


# A lone surrogate is what Python makes of an argument that is not UTF-8.
@pytest.mark.parametrize("login", ["\ud800", "asmith\udcff", "a\x00b", "\udcc3\udca9", "x" * 10_000])
async def test_a_login_name_that_no_database_can_hold_is_unknown(school: School, login: str) -> None:
    with pytest.raises(AccountRefused, match="login name"):
        await _create(school, login)
    with pytest.raises(AccountRefused, match="display name"):
        async with school.store.change() as change:
            await account_list.create(change, "asmith", login, actor="local:root", now_us=school.now)
    async with school.store.reading() as connection:
        assert await account_list.find_login(connection, school.store.site_id, login) is None
        with pytest.raises(NoSuchAccount) as found:
            await account_list.by_login(connection, school.store.site_id, login)
    assert str(found.value).isprintable()
    with pytest.raises(SignInRefused):
        await school.sign_in(login)


@pytest.mark.parametrize("mail", ["nobody", "@example.org", "a@", "a b@example.org"])
async def test_a_mail_address_that_is_none_is_refused(small_school: School, mail: str) -> None:
    with pytest.raises(AccountRefused, match="mail address"):
        await _create(small_school, "alice", mail=mail)


async def test_names_in_the_audit_log_can_be_erased(school: School) -> None:
    await _create(school, "alice", mail="alice@example.org")
    entry = await audit_reading.entry(school.store, 0)
    assert entry.personal == {"login": "alice", "display_name": "A Person", "mail": "alice@example.org"}
    assert "alice" not in str(entry.fields)


async def test_an_unknown_name_is_answered_with_one_that_is_alike(small_school: School) -> None:
    await _create(small_school, "alice")
    async with small_school.store.reading() as connection:
        with pytest.raises(NoSuchAccount, match="alice"):
            await account_list.by_login(connection, small_school.store.site_id, "alcie")


async def test_a_disabled_account_loses_sessions_tokens_and_devices_at_once(school: School) -> None:
    alice = await school.account("alice", Role.network_manager)
    opened = await school.session(alice)
    async with school.store.change() as change:
        token = await api_tokens.make(
            change, alice.id, "script", ["policy.read"], school.now + DAY, actor="x", now_us=school.now
        )
        _, device = await known_devices.remember(change, alice.id, school.now)
    async with school.store.change() as change:
        stopped = await account_state.disable(change, alice.id, actor="local:root", now_us=school.now)
    assert (stopped.sessions, stopped.tokens, stopped.account.is_active) == (1, 1, False)
    with pytest.raises(SessionEnded):
        await sessions.check(school.store, opened.token, school.now)
    with pytest.raises(TokenRefused):
        await api_tokens.check(school.store, token.secret, school.now, "policy.read")
    async with school.store.counting() as connection:
        assert await known_devices.count_attempt(connection, alice, device) is None
    async with school.store.change() as change:
        with pytest.raises(AccountRefused, match="disabled"):
            await account_state.disable(change, alice.id, actor="local:root", now_us=school.now)
        await account_state.enable(change, alice.id, actor="local:root", now_us=school.now)
    with pytest.raises(SessionEnded):
        await sessions.check(school.store, opened.token, school.now)


async def test_a_disabled_state_alone_refuses_sessions_and_tokens(school: School) -> None:
    """However the account came to be disabled: nothing relies on its sessions having been ended with it."""
    alice = await school.account("alice")
    opened = await school.session(alice)
    async with school.store.change() as change:
        token = await api_tokens.make(change, alice.id, "x", ["a"], school.now + DAY, actor="x", now_us=school.now)
        await account_list.set_columns(change.connection, alice.id, state=account_list.State.disabled)
    with pytest.raises(SessionEnded, match="disabled"):
        await sessions.check(school.store, opened.token, school.now)
    assert await sessions.own_sessions(school.store, alice.id, school.now) == []
    with pytest.raises(TokenRefused, match="revoked"):
        await api_tokens.check(school.store, token.secret, school.now, "a")


async def test_an_account_does_not_disable_itself(small_school: School) -> None:
    alice = await small_school.account("alice")
    with pytest.raises(AccountRefused, match="itself"):
        async with small_school.store.change() as change:
            await account_state.disable(change, alice.id, actor=actor_id(alice.id), now_us=small_school.now)


@pytest.mark.parametrize("role", [Role.head, Role.data_protection_officer])
async def test_a_restored_account_has_to_ask_again_for_its_approving_role(school: School, role: Role) -> None:
    head = await school.account("head", role, Role.teacher)
    for act in (account_state.disable, account_state.enable):
        async with school.store.change() as change:
            await act(change, head.id, actor="local:root", now_us=school.now)
    async with school.store.reading() as connection:
        assert [one.role for one in await grants.active(connection, head.id)] == [Role.teacher]
    (asked,) = await grants.all_grants(school.store, GrantState.requested)
    assert (asked.role, asked.requested_by) == (role, "local:root")


async def test_compromise_ends_everything_and_forces_a_new_password(school: School) -> None:
    alice = await school.account("alice")
    opened = await school.session(alice)
    async with school.store.change() as change:
        stopped = await account_state.compromise(change, alice.id, actor=actor_id(alice.id), now_us=school.now)
    assert stopped.account.must_change_password
    assert stopped.account.is_active
    with pytest.raises(SessionEnded, match="compromised"):
        await sessions.check(school.store, opened.token, school.now)
    (entry,) = await school.entries(account_state.COMPROMISED)
    assert entry["detail"] == {"account": str(alice.id)}
