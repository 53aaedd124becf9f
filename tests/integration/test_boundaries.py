"""A policy changes by itself when its hour comes, and no device remembers the old answer beyond it."""

from __future__ import annotations

import datetime as dt

import orjson
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import PUPIL, STAFF

from schoolgate.policy.active_file import read_active_file
from schoolgate.policy.calendar_file import path_of_calendar, write_calendar
from schoolgate.policy.school_calendar import SchoolDays, calendar_of


def with_exception(until: dt.datetime) -> str:
    """Pupils may use a denied name until then."""
    exception = (
        f'{{ name = "denied.example.org", reason = "test", approved_by = "A. Head", until = {until.isoformat()} }}'
    )
    return POLICY.replace('deny = ["denied.example.org"]', f'deny = ["denied.example.org"]\nexceptions = [{exception}]')


def test_an_exception_ends_at_its_moment_with_nobody_doing_anything(start: Start) -> None:
    school = start(policy=POLICY)
    for ends_in_s in (6, 20, 60):  # a busy machine may take longer than the first to apply it
        until = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ends_in_s)).replace(microsecond=0)
        path = school.folder / "exception.toml"
        path.write_text(with_exception(until), encoding="utf-8")
        assert school.cli("policy", "apply", path, "--reason", "a lesson").returncode == 0
        open_answer = school.ask("denied.example.org")
        left_s = (until - dt.datetime.now(dt.UTC)).total_seconds()
        if left_s > 1:
            break
    assert open_answer.rcode() == 0
    assert open_answer.answer[0].ttl <= left_s + 1
    assert school.control("status")["policy"]["next_change"] == until.isoformat()
    school.until(lambda: school.rcode("denied.example.org", source=PUPIL) == "NXDOMAIN")
    assert until <= dt.datetime.now(dt.UTC)  # not before its end
    assert school.control("status")["policy"]["next_change"] is None


def test_exam_mode_is_in_force_at_once_and_ends_by_itself(start: Start) -> None:
    """No control process runs: what was set holds, and ends, by the server alone."""
    stricter = POLICY.replace(
        "[segments.pupils]", '[policies.exam-open]\nextends = "open"\ndeny = ["x.example.org"]\n\n[segments.pupils]'
    )
    school = start(policy=stricter)
    assert school.rcode("x.example.org", source=STAFF) == "NOERROR"
    for lasts_s in (6, 20, 60):  # a busy machine may take longer than the first to apply it
        until = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=lasts_s)).replace(microsecond=0)
        given = ("--until", until.isoformat(), "--reason", "mocks")
        done = school.cli("exam", "begin", "--segment", "staff", *given)
        assert done.returncode == 0, done.stderr
        held = school.rcode("x.example.org", source=STAFF)
        if (until - dt.datetime.now(dt.UTC)).total_seconds() > 1:
            break
    assert held == "NXDOMAIN"
    assert school.rcode("x.example.org", source=PUPIL) == "NOERROR"
    assert school.control("status")["policy"]["next_change"] == until.isoformat()
    school.until(lambda: school.rcode("x.example.org", source=STAFF) == "NOERROR")
    assert until <= dt.datetime.now(dt.UTC)


def test_a_schedule_of_holidays_follows_the_calendar_and_its_loss(start: Start) -> None:
    """The calendar's file changes under a server that runs; `control` does not."""
    during = 'schedule = [{ policy = "strict", during = "holiday" }]'
    school = start(policy=POLICY.replace('policy = "open"', f'policy = "open"\n{during}'))
    status = school.control("status")["policy"]
    assert status["in_force"]["staff"] == "open"
    assert any("there is no school calendar" in one for one in status["warnings"])
    today = dt.datetime.now(dt.UTC).date()
    week = SchoolDays(today - dt.timedelta(days=3), today + dt.timedelta(days=3), "holiday", "Half term")
    write_calendar(school.state, calendar_of([week]))
    school.until(lambda: school.control("status")["policy"]["in_force"]["staff"] == "strict")
    description = orjson.loads(read_active_file(school.state / "active-policy.json").compiled)
    assert {one["id"]: one["policy"] for one in description["segments"]}["staff"] == "strict"
    path_of_calendar(school.state).write_bytes(b"schoolgate")
    school.until(lambda: school.control("status")["policy"]["in_force"]["staff"] == "open")
    assert any("every day counts as one of a term" in one for one in school.control("status")["problems"])


def test_a_lesson_opens_its_sites_for_its_network_alone_and_closes_by_itself(start: Start) -> None:
    """Both networks have the same policy."""
    alike = POLICY.replace('policy = "open"', 'policy = "strict"')
    school = start(policy=alike)
    for lasts_s in (6, 20, 60):  # a busy machine may take longer than the first to apply it
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        until = now + dt.timedelta(seconds=lasts_s)
        lesson = (
            f'lessons = [{{ names = ["denied.example.org"], lesson = "Art", number = 7, by = "T. Teacher",'
            f' approved_by = "A. Head", from = {now.isoformat()}, until = {until.isoformat()} }}]'
        )
        path = school.folder / "lesson.toml"
        path.write_text(alike.replace("[segments.staff]", f"[segments.staff]\n{lesson}"), encoding="utf-8")
        assert school.cli("policy", "apply", path, "--reason", "a lesson").returncode == 0
        held = school.rcode("denied.example.org", source=STAFF)
        said = school.cli("explain", "denied.example.org", "--client", STAFF).stdout
        if (until - dt.datetime.now(dt.UTC)).total_seconds() > 1:
            break
    assert held == "NOERROR"
    assert "lesson 7, Art" in said
    assert "policy    strict\n" in said
    assert school.control("status")["policy"]["in_force"]["staff"] == "strict"
    assert school.rcode("denied.example.org", source=PUPIL) == "NXDOMAIN"
    school.until(lambda: school.rcode("denied.example.org", source=STAFF) == "NXDOMAIN")
    assert until <= dt.datetime.now(dt.UTC)
