"""The quarterly review of roles."""

from __future__ import annotations

import pytest
from tests.unit.accounts.school import DAY, School

from schoolgate.accounts import access_review, account_state, grants
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import GrantRefused
from schoolgate.accounts.roles import Role


async def test_a_role_is_due_after_a_quarter_and_overdue_two_weeks_later(school: School) -> None:
    alice = await school.account("alice")
    async with school.store.change() as change:
        made = await grants.grant(change, alice.id, Role.teacher, "trust", actor="local:root", now_us=school.now)
    (one,) = await access_review.all_reviews(school.store)
    assert (one.grant.id, one.account.login, one.due_us) == (made.id, "alice", school.now + 91 * DAY)
    days = [(one.is_due(school.now + at * DAY), one.is_overdue(school.now + at * DAY)) for at in (90, 91, 104, 105)]
    assert days == [(False, False), (True, False), (True, False), (True, True)]


async def test_a_confirmed_role_is_due_a_quarter_later_and_a_removed_one_never(school: School) -> None:
    alice = await school.account("alice", Role.teacher, Role.governor)
    school.now += 100 * DAY
    async with school.store.change() as change:
        teacher, governor = await grants.active(change.connection, alice.id)
        with pytest.raises(GrantRefused, match="its own role"):
            await access_review.confirm(change, teacher.id, actor=actor_id(alice.id), now_us=school.now)
        done = await access_review.confirm(change, teacher.id, actor="local:root", now_us=school.now)
        await grants.end(change, governor.id, actor="local:root", now_us=school.now)
        with pytest.raises(GrantRefused, match="ended"):
            await access_review.confirm(change, governor.id, actor="local:root", now_us=school.now)
    assert (done.reviewed_by, done.reviewed_us) == ("local:root", school.now)
    (one,) = await access_review.all_reviews(school.store)
    assert one.due_us == school.now + 91 * DAY
    assert len(await school.entries(access_review.CONFIRMED)) == 1


async def test_roles_of_disabled_accounts_are_reviewed_too_the_oldest_first(small_school: School) -> None:
    first = await small_school.account("first", Role.teacher)
    small_school.now += DAY
    await small_school.account("second", Role.teacher)
    async with small_school.store.change() as change:
        await account_state.disable(change, first.id, actor="local:root", now_us=small_school.now)
    assert [one.account.login for one in await access_review.all_reviews(small_school.store)] == ["first", "second"]
