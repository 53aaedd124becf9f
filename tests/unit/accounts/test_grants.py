"""Roles: who may grant, who must approve, and who may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.accounts.school import DAY, School

from schoolgate.accounts import account_state, approvals, grants, sessions
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.errors import ApprovalRefused, GrantRefused, NoSuchAccount, SessionEnded
from schoolgate.accounts.grants import Grant, GrantState
from schoolgate.accounts.roles import GRANTED_BY_APPROVAL, Role, covers, scope_of

MANAGER = "local:manager"


async def _grant(school: School, to: Account, role: Role, scope: str = "trust", actor: str = MANAGER) -> Grant:
    async with school.store.change() as change:
        return await grants.grant(change, to.id, role, scope, actor=actor, now_us=school.now)


async def _approve(school: School, asked: Grant, by: Account) -> Grant:
    async with school.store.change() as change:
        return await grants.approve(change, asked.id, approver=by.id, now_us=school.now)


@pytest.mark.parametrize("role", sorted(set(Role) - GRANTED_BY_APPROVAL))
async def test_a_role_that_needs_no_approval_holds_at_once(small_school: School, role: Role) -> None:
    made = await _grant(small_school, await small_school.account("alice"), role)
    assert (made.state, made.requested_by, made.decided_by) == (GrantState.active, MANAGER, MANAGER)


@pytest.mark.parametrize("role", [Role.safeguarding_lead, Role.head, Role.trust_director, Role.data_protection_officer])
async def test_an_approving_role_is_a_request_until_a_head_approves(school: School, role: Role) -> None:
    head, alice = await school.account("head", Role.head), await school.account("alice")
    asked = await _grant(school, alice, role)
    assert asked.state is GrantState.requested
    async with school.store.reading() as connection:
        assert await grants.active(connection, alice.id) == []
    done = await _approve(school, asked, head)
    assert (done.state, done.requested_by, done.decided_by, done.decided_us) == (
        GrantState.active, MANAGER, actor_id(head.id), school.now,
    )  # fmt: skip
    entry = (await school.entries(grants.GRANTED))[0]
    assert (entry["actor"], entry["scope"], entry["detail"]["role"]) == (actor_id(head.id), "trust", role)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.head, Role.trust_director}))
async def test_no_other_role_approves_an_approving_role(small_school: School, role: Role) -> None:
    other, alice = await small_school.account("other", role), await small_school.account("alice")
    asked = await _grant(small_school, alice, Role.head)
    with pytest.raises(ApprovalRefused, match="head, trust_director"):
        await _approve(small_school, asked, other)


async def test_the_requester_does_not_approve_and_neither_does_the_holder(school: School) -> None:
    head, other = await school.account("head", Role.head), await school.account("other", Role.head)
    alice = await school.account("alice")
    asked = await _grant(school, alice, Role.safeguarding_lead, actor=actor_id(head.id))
    with pytest.raises(ApprovalRefused, match="requester"):
        await _approve(school, asked, head)
    own = await _grant(school, other, Role.trust_director, actor=actor_id(head.id))
    with pytest.raises(GrantRefused, match="of its own"):
        await _approve(school, own, other)
    with pytest.raises(GrantRefused, match="itself"):
        await _grant(school, alice, Role.teacher, actor=actor_id(alice.id))


async def test_a_head_of_one_school_does_not_approve_for_another(small_school: School) -> None:
    head = await small_school.account("head")
    async with small_school.store.change() as change:
        await small_school.insert_role(change, head.id, Role.head, "school:north")
    alice = await small_school.account("alice")
    for scope in ("school:south", "trust"):
        with pytest.raises(ApprovalRefused, match=scope):
            await _approve(small_school, await _grant(small_school, alice, Role.safeguarding_lead, scope), head)
    asked = await _grant(small_school, alice, Role.safeguarding_lead, "school:north")
    assert (await _approve(small_school, asked, head)).is_active


async def test_a_new_holder_approves_nothing_of_its_granters_for_24_hours(school: School) -> None:
    head, new = await school.account("head", Role.head), await school.account("new")
    manager = await school.account("manager", Role.network_manager)
    await _approve(school, await _grant(school, new, Role.head, actor=actor_id(manager.id)), head)
    alice = await school.account("alice")
    granted_us = school.now

    async def may(requester: str, now_us: int) -> None:
        async with school.store.reading() as connection:
            await approvals.refuse_approver(connection, new.id, requester, "trust", now_us=now_us)

    for granter in (manager, head):
        with pytest.raises(ApprovalRefused, match="24 hours"):
            await may(actor_id(granter.id), granted_us + DAY - 1)
        await may(actor_id(granter.id), granted_us + DAY)
    await may("local:other", granted_us)
    asked = await _grant(school, alice, Role.safeguarding_lead, actor=actor_id(manager.id))
    with pytest.raises(ApprovalRefused, match="24 hours"):
        await _approve(school, asked, new)
    school.now += DAY
    assert (await _approve(school, asked, new)).is_active


async def test_disabled_accounts_neither_approve_nor_get_a_role(school: School) -> None:
    head, alice = await school.account("head", Role.head), await school.account("alice")
    asked = await _grant(school, alice, Role.head)
    async with school.store.change() as change:
        await account_state.disable(change, head.id, actor=MANAGER, now_us=school.now)
    with pytest.raises(ApprovalRefused, match="disabled"):
        await _approve(school, asked, head)
    async with school.store.change() as change:
        await account_state.disable(change, alice.id, actor=MANAGER, now_us=school.now)
    with pytest.raises(GrantRefused, match="disabled"):
        await _grant(school, alice, Role.teacher)
    other = await school.account("other", Role.head)
    with pytest.raises(GrantRefused, match="disabled"):
        await _approve(school, asked, other)


async def test_a_decision_is_made_once(school: School) -> None:
    head, alice = await school.account("head", Role.head), await school.account("alice")
    asked = await _grant(school, alice, Role.head)
    with pytest.raises(GrantRefused, match="already"):
        await _grant(school, alice, Role.head)
    async with school.store.change() as change:
        refused = await grants.refuse(change, asked.id, approver=head.id, now_us=school.now)
    assert refused.state is GrantState.refused
    with pytest.raises(GrantRefused, match="refused already"):
        await _approve(school, asked, head)
    assert (await school.entries(grants.REFUSED))[0]["outcome"] == "refused"
    assert (await _grant(school, alice, Role.head)).state is GrantState.requested


Act = Callable[[School, Account, Grant], Awaitable[Any]]


async def _end(school: School, _head: Account, held: Grant) -> None:
    async with school.store.change() as change:
        await grants.end(change, held.id, actor=MANAGER, now_us=school.now)


async def _another(school: School, _head: Account, held: Grant) -> None:
    async with school.store.change() as change:
        await grants.grant(change, held.account_id, Role.governor, "trust", actor=MANAGER, now_us=school.now)


async def _approved(school: School, head: Account, held: Grant) -> None:
    async with school.store.change() as change:
        asked = await grants.grant(change, held.account_id, Role.head, "trust", actor=MANAGER, now_us=school.now)
        await grants.approve(change, asked.id, approver=head.id, now_us=school.now)


@pytest.mark.parametrize("act", [_end, _another, _approved])
async def test_sessions_end_when_the_roles_change(small_school: School, act: Act) -> None:
    head, alice = await small_school.account("head", Role.head), await small_school.account("alice")
    held = await _grant(small_school, alice, Role.teacher)
    opened = await small_school.session(alice)
    await act(small_school, head, held)
    with pytest.raises(SessionEnded, match="roles"):
        await sessions.check(small_school.store, opened.token, small_school.now)


async def test_a_role_that_ended_cannot_end_again(small_school: School) -> None:
    held = await _grant(small_school, await small_school.account("alice"), Role.teacher)
    await _end(small_school, held, held)  # type: ignore[arg-type]
    with pytest.raises(GrantRefused, match="ended already"):
        await _end(small_school, held, held)  # type: ignore[arg-type]


async def test_unknown_accounts_and_grants_are_named(small_school: School) -> None:
    stranger = await small_school.account("alice")
    async with small_school.store.reading() as connection:
        with pytest.raises(GrantRefused, match="no grant"):
            await grants.by_id(connection, stranger.id)
        with pytest.raises(NoSuchAccount):
            await approvals.refuse_approver(
                connection, small_school.store.site_id, "x", "trust", now_us=small_school.now
            )


@pytest.mark.parametrize("text", ["", "trusts", "school:", "school:UPPER", "segment:a b", "school:" + "a" * 64])
def test_a_scope_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(GrantRefused, match="no scope"):
        scope_of(text)


def test_scopes_are_read_by_name() -> None:
    assert scope_of("segment:staff") == "segment:staff"
    assert covers("trust", "school:a")
    assert not covers("school:a", "trust")
    assert not covers("school:a", "school:b")
