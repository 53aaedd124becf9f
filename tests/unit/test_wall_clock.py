"""When policies are compiled again: boundaries, days, and clocks that somebody sets."""

from __future__ import annotations

import datetime as dt

import pytest

from schoolgate.server.policy_clock import PolicyClock, seconds_until

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def later(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_while_nothing_happens_nothing_is_compiled() -> None:
    clock = PolicyClock(NOON, 100.0)
    assert clock.reason_to_compile(later(1), 101.0, later(60)) is None


def test_a_boundary_is_a_reason_from_its_very_moment() -> None:
    clock = PolicyClock(NOON, 100.0)
    assert clock.reason_to_compile(later(59.9), 159.9, later(60)) is None
    assert clock.reason_to_compile(later(60), 160.0, later(60)) is not None


@pytest.mark.parametrize("jump_s", [-86400, -3, 3, 3600])
def test_a_clock_that_was_set_is_a_reason_once(jump_s: float) -> None:
    clock = PolicyClock(NOON, 100.0)
    assert "clock" in (clock.reason_to_compile(later(1 + jump_s), 101.0, None) or "")
    assert clock.reason_to_compile(later(2 + jump_s), 102.0, None) is None
    assert clock.jumps == 1


def test_a_slewed_clock_is_no_reason_however_long_it_goes_on() -> None:
    clock = PolicyClock(NOON, 0.0)
    reasons = {clock.reason_to_compile(later(second * 1.0005), float(second), None) for second in range(0, 80_000, 10)}
    assert reasons == {None}


def test_once_a_day_it_is_compiled_anyway() -> None:
    clock = PolicyClock(NOON, 0.0)
    assert clock.reason_to_compile(later(86400), 86400.0, None) is not None
    clock.compiled(86400.0)
    assert clock.reason_to_compile(later(86401), 86401.0, None) is None


def test_it_sleeps_to_the_boundary_and_no_further() -> None:
    assert seconds_until(NOON, later(0.4), 1.0) == pytest.approx(0.4)
    assert seconds_until(NOON, later(90), 1.0) == 1.0
    assert seconds_until(NOON, None, 1.0) == 1.0
    assert 0 < seconds_until(NOON, later(-5), 1.0) < 0.1
