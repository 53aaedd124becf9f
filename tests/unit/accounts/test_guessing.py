"""Guessing: slowed down, counted, and never a way to lock another person out."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select
from tests.unit.accounts.school import ADDRESS, MINUTE, PASSWORD, SECOND, School

from schoolgate.accounts import guessing
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import SignInRefused
from schoolgate.accounts.guessing import delay_us
from schoolgate.accounts.source_buckets import CAPACITY, SourceBuckets, source_of
from schoolgate.audit.own_entries import ATTEMPTS
from schoolgate.storage import audit_reading
from schoolgate.storage.schema import sign_in_failure


def _anywhere(at: int) -> str:
    """An address for each attempt, so that no source's bucket is what refuses it."""
    return f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}"


async def _wrong(school: School, login: str = "alice", address: str = "192.0.2.66", device: str | None = None) -> int:
    """A wrong password; how long to wait before the next attempt is compared, 0 where this one was."""
    with pytest.raises(SignInRefused) as found:
        await school.sign_in(login, "wrong", address, device)
    return found.value.retry_after_us


async def _fail(school: School, times: int, login: str = "alice") -> None:
    """So many failures in a row from anywhere, as fast as they are admitted."""
    for at in range(times):
        while wait := await _wrong(school, login, _anywhere(at)):
            school.now += wait


@pytest.mark.parametrize("login", ["alice", "unknown"])
async def test_after_five_failures_each_one_waits_twice_as_long(school: School, login: str) -> None:
    await school.with_password("alice")
    assert [await _wrong(school, login) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(4):
        waits.append(await _wrong(school, login))
        school.now += waits[-1]
        assert await _wrong(school, login) == 0
    assert waits == [1 * SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]


def test_no_delay_is_longer_than_a_minute() -> None:
    assert [delay_us(at) // SECOND for at in (0, 4, 5, 10, 11, 99, 10**6)] == [0, 0, 1, 32, 60, 60, 60]


async def test_the_right_password_waits_too_and_ends_the_row(school: School) -> None:
    await school.with_password("alice")
    await _fail(school, 5)
    with pytest.raises(SignInRefused) as found:
        await school.sign_in("alice")
    assert found.value.retry_after_us == SECOND
    school.now += SECOND
    await school.sign_in("alice")
    assert await _wrong(school) == 0


@pytest.mark.parametrize("login", ["alice", "unknown"])
async def test_an_account_has_ten_attempts_in_five_minutes(small_school: School, login: str) -> None:
    await small_school.with_password("alice")
    compared, begun = [], small_school.now
    while small_school.now < begun + 15 * MINUTE:
        if not (wait := await _wrong(small_school, login, _anywhere(len(compared)))):
            compared.append(small_school.now)
        small_school.now += wait
    for at in range(len(compared) - 10):
        assert compared[at + 10] - compared[at] >= 5 * MINUTE
    assert len(compared) >= 19


async def test_attempts_at_once_are_counted_one_by_one(school: School) -> None:
    await school.with_password("alice")
    done = await asyncio.gather(
        *(school.sign_in("alice", "wrong", _anywhere(at)) for at in range(20)), return_exceptions=True
    )
    assert sum(isinstance(one, SignInRefused) and not one.retry_after_us for one in done) == 5


async def test_a_known_device_signs_in_whatever_others_guess(school: School) -> None:
    await school.with_password("alice")
    device = (await school.sign_in("alice")).device
    await _fail(school, 8)
    assert await _wrong(school) > 0
    signed = await school.sign_in("alice", PASSWORD, ADDRESS, device)
    assert signed.session.is_full
    assert signed.device is None, "it keeps its cookie"


async def test_after_a_hundred_failures_only_known_devices_sign_in_by_password(school: School) -> None:
    await school.with_password("alice")
    device = (await school.sign_in("alice")).device
    await _fail(school, 100)
    school.now += 60 * MINUTE
    with pytest.raises(SignInRefused):
        await school.sign_in("alice")
    assert (await school.sign_in("alice", device=device)).session.is_full
    await school.sign_in("alice")


async def test_a_known_device_has_ten_failures_and_is_unknown_then(school: School) -> None:
    alice = await school.with_password("alice")
    device = (await school.sign_in("alice")).device
    for _ in range(9):
        assert await _wrong(school, device=device) == 0
    await school.sign_in("alice", device=device)  # begins a new row
    assert [await _wrong(school, device=device) for _ in range(10)] == [0] * 10
    async with school.store.reading() as connection:
        before = await connection.execute(
            select(sign_in_failure.c.in_row).where(sign_in_failure.c.account_id == alice.id)
        )
        assert before.scalar_one() == 0, "the account's own counter was not touched"
    assert [await _wrong(school, device=device) for _ in range(6)] == [0] * 5 + [SECOND]


async def test_a_device_of_another_account_is_not_known(small_school: School) -> None:
    for login in ("alice", "bob"):
        await small_school.with_password(login)
    device = (await small_school.sign_in("bob")).device
    assert [await _wrong(small_school, device=device) for _ in range(6)] == [0] * 5 + [SECOND]


async def test_a_source_has_a_bucket_over_all_names(small_school: School) -> None:
    for at in range(CAPACITY):
        assert await _wrong(small_school, f"name{at}", f"2001:db8:0:1::{at:x}") == 0
    assert await _wrong(small_school, "other", "2001:db8:0:1:ffff::1") == pytest.approx(10 * SECOND, abs=1)
    assert await _wrong(small_school, "other", "2001:db8:0:2::1") == 0
    small_school.now += 10 * SECOND
    assert await _wrong(small_school, "last", "2001:db8:0:1::1") == 0
    assert await _wrong(small_school, "last", "2001:db8:0:1::1") > 0


async def test_a_source_that_is_used_up_does_not_hold_up_known_devices(small_school: School) -> None:
    await small_school.with_password("alice")
    device = (await small_school.sign_in("alice")).device
    for at in range(CAPACITY + 1):
        await _wrong(small_school, f"name{at}", ADDRESS)
    with pytest.raises(SignInRefused):
        await small_school.sign_in("alice")
    assert (await small_school.sign_in("alice", device=device)).session.is_full


async def test_right_sign_ins_do_not_use_a_source_up(small_school: School) -> None:
    await small_school.with_password("alice")
    for _ in range(CAPACITY + 5):
        await small_school.sign_in("alice")
        small_school.now += MINUTE // 60


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unreadable"),
        ("nonsense", "unreadable"),
    ],
)
def test_a_source_is_an_address_or_a_network_of_64_bits(address: str, source: str) -> None:
    assert source_of(address) == source


def test_sources_are_bounded_and_the_one_longest_unused_gives_way() -> None:
    buckets = SourceBuckets(capacity=1, most_sources=3)
    assert buckets.take("192.0.2.1", 0) == 0
    for at in range(2, 50):
        buckets.take(f"192.0.2.{at}", 0)
        assert buckets.take("192.0.2.1", 0) > 0, "it is in use"
    assert len(buckets) == 3


def test_a_clock_that_goes_back_fills_no_bucket() -> None:
    buckets = SourceBuckets(capacity=1)
    assert buckets.take("192.0.2.1", 10**9) == 0
    assert buckets.take("192.0.2.1", 0) > 0
    assert buckets.take("192.0.2.1", 5) > 0


async def test_a_clock_that_goes_back_makes_an_account_wait_no_longer_than_the_delay(small_school: School) -> None:
    await small_school.with_password("alice")
    await _fail(small_school, 6)
    small_school.now -= 60 * MINUTE
    assert 0 < await _wrong(small_school) <= 2 * SECOND


async def test_names_without_an_account_are_bounded(small_school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "MOST_UNKNOWN", 20)
    monkeypatch.setattr(guessing, "REMOVED_AT_ONCE", 5)
    await small_school.with_password("alice")
    await _fail(small_school, 5)
    for at in range(60):
        small_school.now += 1
        await _wrong(small_school, f"name{at}", _anywhere(at))
    async with small_school.store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(sign_in_failure))).scalar_one() <= 21
    assert await _wrong(small_school) > 0, "an account's own row stays"


async def test_failures_are_in_the_audit_log_first_at_once_then_as_a_number(school: School) -> None:
    alice = await school.with_password("alice")
    for _ in range(5):
        await _wrong(school)
    (entry,) = await school.entries(guessing.SIGN_IN)
    assert (entry["actor"], entry["outcome"], list(entry["personal"])) == (actor_id(alice.id), "failed", ["address"])
    for _ in range(3):
        await _wrong(school)
    await school.attempts.flush()
    counted = {one["outcome"]: one["detail"]["count"] for one in await school.entries(ATTEMPTS)}
    assert counted == {"failed": 4, "refused": 2}


async def test_a_name_without_an_account_is_not_in_the_audit_log(small_school: School) -> None:
    """People type their password where the name belongs."""
    await _wrong(small_school, "my secret password")
    entry = await audit_reading.entry(small_school.store, 0)
    assert "secret" not in str((entry.fields, entry.personal))
    assert str(entry.fields["actor"]).startswith("unknown:")
