"""The wall clock jumps, or time zones are missing: schedules follow, answers in the cache do not care."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import BLOCKED
from tests.failures.upstream import Upstream
from tests.waiting import until

from schoolgate.server.policy_clock import PolicyClock, seconds_until

DAYS = 40
START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def scheduled(closed_on: dt.date) -> str:
    return f"""
format = 1
time_zone = "Etc/UTC"
allowed_clients = ["127.0.0.0/8"]
strictest = "closed"
[policies.open]
[policies.closed]
categories = {{ gambling = "deny" }}
[segments.all]
prefixes = ["127.0.0.0/8"]
policy = "open"
[[segments.all.schedule]]
policy = "closed"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "00:00"
to = "00:00"
dates = {{ only = ["{closed_on:%Y-%m-%d}"] }}
"""


def test_when_the_clock_is_set_forward_and_back_the_policy_of_the_hour_follows(school: MakeSchool) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=DAYS)
    here = school(policy=scheduled(later.date()), program="tests.failures.shifted_server", is_started=False)
    offset = here.folder / "offset"
    here.start(CLOCK_OFFSET=str(offset))
    assert here.rcode(BLOCKED) == "NOERROR"
    set_clock(offset, DAYS * 86400)
    until(lambda: here.rcode(BLOCKED) == "NXDOMAIN")
    set_clock(offset, 0)
    until(lambda: here.rcode(BLOCKED) == "NOERROR")
    # The line follows the policy it is about: it may come a moment later.
    until(lambda: here.said().count("the clock was set by") == 2)


def test_when_the_clock_is_set_answers_in_the_cache_keep_their_time(school: MakeSchool, upstream: Upstream) -> None:
    here = school(program="tests.failures.shifted_server", is_started=False)
    offset = here.folder / "offset"
    here.start(CLOCK_OFFSET=str(offset))
    before = here.ask("kept.example.org").answer[0].ttl
    set_clock(offset, DAYS * 86400)
    until(lambda: "the clock was set by" in here.said())
    answer = here.ask("kept.example.org")
    assert 0 < answer.answer[0].ttl <= before
    assert here.counter("cache_hits") >= 1
    assert upstream.times_asked("kept") == 1


def set_clock(offset: Path, seconds: float) -> None:
    """In one step: a file that is half written is no clock."""
    aside = offset.with_suffix(".new")
    aside.write_text(str(seconds), "ascii")
    aside.replace(offset)


@pytest.mark.parametrize("jump_s", [-86400.0, -3.0, 3.0, 7200.0])
def test_a_jump_of_the_clock_is_a_reason_to_compile_whichever_way_it_goes(jump_s: float) -> None:
    clock = PolicyClock(START, 100.0)
    now = START + dt.timedelta(seconds=1 + jump_s)
    assert clock.reason_to_compile(now, 101.0, None) == f"the clock was set by {jump_s:+.0f} s"
    assert clock.reason_to_compile(now + dt.timedelta(seconds=1), 102.0, None) is None, "once"


def test_a_clock_that_drifts_or_a_boundary_far_off_is_none() -> None:
    clock = PolicyClock(START, 0.0)
    boundary = START + dt.timedelta(days=30)
    for second in range(1, 600):
        now = START + dt.timedelta(seconds=second * 1.0005)
        assert clock.reason_to_compile(now, float(second), boundary) is None
    assert clock.jumps == 0


def test_after_a_jump_backwards_nothing_sleeps_for_the_time_that_was_lost() -> None:
    boundary = START + dt.timedelta(days=1)
    assert seconds_until(START - dt.timedelta(days=365), boundary, 1.0) == 1.0


def test_without_the_systems_time_zones_those_of_python_are_used(school: MakeSchool) -> None:
    here = school(is_started=False)
    here.start(PYTHONTZPATH="/nonexistent")
    assert here.filters()


def test_without_any_time_zones_the_policy_goes_on_as_it_was_compiled_and_names_the_setting(school: MakeSchool) -> None:
    here = school(program="tests.failures.zoneless_server")
    assert here.filters()
    problems = here.status()["problems"]
    assert any("policy revision 1: time_zone" in one and "as it was compiled" in one for one in problems)


def test_without_any_time_zones_a_first_start_is_refused_and_names_the_setting(school: MakeSchool) -> None:
    here = school(program="tests.failures.zoneless_server", is_started=False)
    here.forget_policy()
    assert "first.policy.toml: time_zone" in here.fails_to_start()
