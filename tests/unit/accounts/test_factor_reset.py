"""A lost second factor: who removes it, and what the holder may not do after."""

from __future__ import annotations

import pytest
from tests.unit.accounts.school import DAY, School

from schoolgate.accounts import approvals, factor_reset, second_factors, sessions
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.errors import ApprovalRefused, FactorRefused, SessionEnded
from schoolgate.accounts.factor_reset import FactorReset
from schoolgate.accounts.roles import GRANTED_BY_APPROVAL, Role
from schoolgate.accounts.sessions import Stage


async def _request(school: School, account: Account, actor: str = "local:manager") -> FactorReset:
    async with school.store.change() as change:
        return await factor_reset.request(change, account.id, actor=actor, now_us=school.now)


async def _agree(school: School, asked: FactorReset, by: Account) -> FactorReset:
    async with school.store.change() as change:
        return await factor_reset.agree(change, asked.id, approver=by.id, now_us=school.now)


async def test_another_administrator_resets_the_factor_of_one_who_approves_nothing(school: School) -> None:
    manager = await school.with_password("manager", Role.network_manager)
    await school.enrolled(manager)
    opened = await school.session(manager)
    async with school.store.change() as change:
        with pytest.raises(FactorRefused, match="own second factor"):
            await factor_reset.reset(change, manager.id, actor=actor_id(manager.id), now_us=school.now)
        await factor_reset.reset(change, manager.id, actor="local:root", now_us=school.now)
    with pytest.raises(SessionEnded, match="reset"):
        await sessions.check(school.store, opened.token, school.now)
    assert (await school.sign_in("manager")).session.stage is Stage.enrol


@pytest.mark.parametrize("role", sorted(GRANTED_BY_APPROVAL))
async def test_no_single_person_resets_the_factor_of_an_approver(small_school: School, role: Role) -> None:
    approver = await small_school.account("approver", role)
    with pytest.raises(FactorRefused, match="two other people"):
        async with small_school.store.change() as change:
            await factor_reset.reset(change, approver.id, actor="local:root", now_us=small_school.now)


async def test_two_people_agree_neither_of_them_the_requester_and_the_holder_waits_a_day(school: School) -> None:
    head = await school.with_password("head", Role.head)
    await school.enrolled(head)
    lead, director = (
        await school.account("lead", Role.safeguarding_lead),
        await school.account("d", Role.trust_director),
    )
    manager = await school.account("manager", Role.network_manager)
    asked = await _request(school, head, actor_id(lead.id))
    assert [one.id for one in await factor_reset.waiting(school.store, school.now)] == [asked.id]
    for refused, reason in ((lead, "requester"), (head, "holder")):
        with pytest.raises(ApprovalRefused, match=reason):
            await _agree(school, asked, refused)
    first = await _agree(school, asked, manager)
    assert not first.is_done
    async with school.store.reading() as connection:
        assert (await second_factors.factors_of(connection, head.id)).has_any
    with pytest.raises(ApprovalRefused, match="agreed already"):
        await _agree(school, asked, manager)
    done = await _agree(school, asked, director)
    assert done.is_done
    assert (await school.sign_in("head")).session.stage is Stage.enrol
    with pytest.raises(FactorRefused, match="decided"):
        await _agree(school, asked, director)
    async with school.store.reading() as connection:
        with pytest.raises(ApprovalRefused, match="24 hours"):
            await approvals.refuse_approver(connection, head.id, "x", "trust", now_us=school.now + DAY - 1)
        await approvals.refuse_approver(connection, head.id, "x", "trust", now_us=school.now + DAY)


async def test_one_of_the_two_has_an_approving_role(small_school: School) -> None:
    head = await small_school.account("head", Role.head)
    manager = await small_school.account("manager", Role.network_manager)
    officer = await small_school.account("officer", Role.data_protection_officer)
    teacher = await small_school.account("teacher", Role.teacher)
    asked = await _request(small_school, head)
    with pytest.raises(ApprovalRefused):
        await _agree(small_school, asked, teacher)
    await _agree(small_school, asked, manager)
    with pytest.raises(ApprovalRefused, match="head, safeguarding_lead"):
        await _agree(small_school, asked, officer)
    other = await _request(small_school, head)
    await _agree(small_school, other, officer)
    with pytest.raises(ApprovalRefused, match="head, safeguarding_lead"):
        await _agree(small_school, other, manager)


async def test_a_request_lapses_after_a_week(small_school: School) -> None:
    head, lead = (
        await small_school.account("head", Role.head),
        await small_school.account("lead", Role.safeguarding_lead),
    )
    asked = await _request(small_school, head)
    small_school.now += 7 * DAY
    with pytest.raises(FactorRefused, match="lapsed"):
        await _agree(small_school, asked, lead)
    assert await factor_reset.waiting(small_school.store, small_school.now) == []
    with pytest.raises(FactorRefused, match="own second factor"):
        await _request(small_school, head, actor_id(head.id))
