"""Sessions: opaque, hashed, and over in time."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from tests.unit.accounts.school import DAY, HOUR, MINUTE, SECOND, School

from schoolgate.accounts import sessions
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import SessionEnded
from schoolgate.accounts.sessions import Stage
from schoolgate.storage.schema import account_session


async def test_the_store_holds_no_token(school: School) -> None:
    opened = await school.session(await school.account("alice"))
    async with school.store.reading() as connection:
        (row,) = (await connection.execute(select(account_session))).mappings().all()
    assert len(opened.token) == 43
    assert opened.token not in str(dict(row))
    assert opened.token not in repr(opened)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "0" * 10_000])
async def test_an_unknown_token_is_no_session(small_school: School, token: str) -> None:
    with pytest.raises(SessionEnded, match="unknown"):
        await sessions.check(small_school.store, token, small_school.now)


async def test_a_session_ends_after_thirty_minutes_without_use(school: School) -> None:
    opened = await school.session(await school.account("alice"))
    for _ in range(3):
        school.now += 30 * MINUTE - SECOND
        await sessions.check(school.store, opened.token, school.now)
    school.now += 30 * MINUTE
    with pytest.raises(SessionEnded, match="idle"):
        await sessions.check(school.store, opened.token, school.now)


async def test_a_session_ends_after_twelve_hours_of_use(school: School) -> None:
    opened = await school.session(await school.account("alice"))
    end = school.now + 12 * HOUR
    while school.now + 20 * MINUTE < end:
        school.now += 20 * MINUTE
        await sessions.check(school.store, opened.token, school.now)
    await sessions.check(school.store, opened.token, end - 1)
    with pytest.raises(SessionEnded, match="too old"):
        await sessions.check(school.store, opened.token, end)


async def test_a_renewed_session_has_another_token_and_the_same_end(school: School) -> None:
    first = await school.session(await school.account("alice"))
    school.now += 10 * MINUTE
    async with school.store.change() as change:
        second = await sessions.renew(change, first.session, stage=Stage.full, now_us=school.now)
        change.is_signed = True
    assert second.session.created_us == first.session.created_us
    with pytest.raises(SessionEnded, match="renewed"):
        await sessions.check(school.store, first.token, school.now)
    assert (await sessions.check(school.store, second.token, school.now)).id == second.session.id


async def test_of_two_renewals_at_once_one_is_refused(school: School) -> None:
    first = await school.session(await school.account("alice"))

    async def renew() -> sessions.Opened:
        async with school.store.change() as change:
            made = await sessions.renew(change, first.session, stage=Stage.full, now_us=school.now)
            change.is_signed = True
            return made

    done = await asyncio.gather(renew(), renew(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Opened", "SessionEnded"]


async def test_a_sign_in_that_is_not_complete_ends_after_ten_minutes(small_school: School) -> None:
    alice = await small_school.account("alice")
    async with small_school.store.change() as change:
        made = await sessions.begin(
            change, alice.id, sessions.Origin(), stage=Stage.factor, method="password", now_us=small_school.now
        )
        change.is_signed = True
    await sessions.check(small_school.store, made.token, small_school.now + 10 * MINUTE - 1)
    with pytest.raises(SessionEnded, match="too old"):
        await sessions.check(small_school.store, made.token, small_school.now + 10 * MINUTE)


async def test_a_clock_that_went_back_far_ends_sessions(small_school: School) -> None:
    opened = await small_school.session(await small_school.account("alice"))
    await sessions.check(small_school.store, opened.token, small_school.now - 5 * MINUTE)
    with pytest.raises(SessionEnded, match="clock"):
        await sessions.check(small_school.store, opened.token, small_school.now - 5 * MINUTE - 1)


async def test_people_see_and_end_their_own_sessions_and_no_others(school: School) -> None:
    alice, bob = await school.account("alice"), await school.account("bob")
    first, second = await school.session(alice), await school.session(alice)
    other = await school.session(bob)
    listed = await sessions.own_sessions(school.store, alice.id, school.now)
    assert {one.id for one in listed} == {first.session.id, second.session.id}
    async with school.store.change() as change:
        with pytest.raises(SessionEnded):
            await sessions.end(change, alice.id, other.session.id, actor=actor_id(alice.id), now_us=school.now)
        await sessions.end(change, alice.id, first.session.id, actor=actor_id(alice.id), now_us=school.now)
    assert [one.id for one in await sessions.own_sessions(school.store, alice.id, school.now)] == [second.session.id]
    await sessions.check(school.store, other.token, school.now)
    assert len(await school.entries(sessions.SIGNED_OUT)) == 1


async def test_a_factor_is_fresh_for_five_minutes(small_school: School) -> None:
    alice = await small_school.account("alice")
    given = (await small_school.session(alice, factor_us=small_school.now)).session
    assert given.is_fresh(small_school.now + 5 * MINUTE)
    assert not given.is_fresh(small_school.now + 5 * MINUTE + 1)
    assert not given.is_fresh(small_school.now - 1)
    assert not (await small_school.session(alice)).session.is_fresh(small_school.now)


async def test_old_sessions_are_removed_with_their_addresses(school: School) -> None:
    alice = await school.account("alice")
    await school.session(alice)
    school.now += 20 * DAY
    kept = await school.session(alice)
    assert await sessions.forget_old(school.store, school.now + 11 * DAY) == 1
    async with school.store.reading() as connection:
        assert (await connection.execute(select(account_session.c.id))).scalars().all() == [kept.session.id]
