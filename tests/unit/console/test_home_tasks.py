"""Home's first line, its tasks and its numbers, from what operations returned."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import HOME, FakeControl, Refused, whoami
from tests.unit.console.test_health_screen import SERVING

from schoolgate.accounts.roles import Role
from schoolgate.console import home_tasks
from schoolgate.console.plain_words import age, commands, in_words, number

NOW = dt.datetime(2026, 11, 30, 9, 30, tzinfo=dt.UTC)
DAY_S = 86_400


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ({}, "All five networks are filtered. Nothing needs you now."),
        ({"oldest_feed_s": 2 * DAY_S}, "All five networks are filtered. The oldest list is two days old."),
        ({"segments": {"pupils": "pupil"}}, "The one network is filtered. Nothing needs you now."),
        ({"segments": {}}, "Every device gets the strictest policy; no network is named yet. Nothing needs you now."),
        ({"is_serving": False}, "The filter is not running."),
        ({"unprotected": 1}, f"All five networks are filtered. {home_tasks.STILL_OPEN}"),
    ],
)
def test_the_first_line_is_an_answer(home: dict[str, Any], said: str) -> None:
    assert home_tasks.answer(HOME | home, []) == said


def test_a_list_of_people_that_was_not_read_is_a_task_and_after_three_days_an_urgent_one() -> None:
    now_us = int(NOW.timestamp() * 1e6)
    day_us = DAY_S * 1_000_000

    def said(read_us: int, problem: str) -> list[bool]:
        readings = [{"provider": "entra", "problem": problem, "read_us": read_us}]
        return [one.is_urgent for one in home_tasks.tasks_of({"leavers": readings}, NOW)]

    assert said(now_us, "") == []
    assert said(now_us - day_us, "no token") == [False]
    assert said(now_us - 4 * day_us, "no token") == [True]
    assert said(0, "no token") == [True]


def test_what_is_urgent_comes_first_and_is_counted_in_the_first_line() -> None:
    facts = {
        "alerts": {"open": {"urgent": {"new": 3, "acknowledged": 2}, "warning": {"new": 1}}},
        "requests": {"roles": [{}], "resets": []},
        "status": {
            "problems": [{"id": "feed", "severity": "warning", "sentence": "a list is old", "remedy": "read it"}],
            "unprotected": [{"id": "sealed-none", "severity": "notice"}],
        },
        "review": [{"is_due": True, "is_overdue": False}],
        "suggestions": [{}, {}],
        "checks": {"reachability": {"at": "2026-11-20T09:00:00+00:00"}},
    }
    tasks = home_tasks.tasks_of(facts, NOW)
    assert [one.words for one in tasks] == [
        "Three urgent alerts wait for someone to look.",
        "One role to decide.",
        "One alert waits for someone to look.",
        "A list is old",
        "One role is due for your signature.",
        "Two new names may belong on a list.",
        "The daily check that help lines are open is overdue.",
    ]
    assert (
        home_tasks.answer(HOME, tasks)
        == "All five networks are filtered. Two things need you today, five others can wait."
    )


def test_lists_that_are_not_chosen_are_one_urgent_task_of_who_may_choose_them() -> None:
    missing = {"id": "category-empty", "severity": "warning"}
    facts = {"status": {"problems": [], "unprotected": [missing, missing, {"id": "sealed-none", "severity": "notice"}]}}
    tasks = home_tasks.tasks_of(facts, NOW)
    assert [(one.path, one.verb, one.is_urgent) for one in tasks] == [("/lists/choose", "Choose lists", True)]
    home = HOME | {"unprotected": 2}
    assert home_tasks.answer(home, tasks) == "All five networks are filtered. One thing needs you today."
    assert home_tasks.light_of(home, []).state == "look"


def test_while_the_demonstration_is_in_force_the_first_line_and_one_task_say_so() -> None:
    problem = {"id": "demonstration-policy", "severity": "warning", "sentence": "no school is set up", "remedy": "x"}
    (task,) = home_tasks.tasks_of({"status": {"problems": [problem], "unprotected": []}}, NOW)
    assert (task.path, task.is_urgent) == ("/setup", True)
    assert home_tasks.answer(HOME | {"is_set_up": False}, []).startswith("No school is set up yet")


def test_the_first_account_is_to_add_a_network_manager() -> None:
    (task,) = home_tasks.tasks_of({"accounts": [{}]}, NOW)
    assert task.words == "Add your network manager."
    assert "account role LOGIN network_manager" in task.detail
    assert home_tasks.tasks_of({"accounts": [{}, {}]}, NOW) == []


async def test_home_shows_a_head_alone_the_two_commands(console: RunningConsole, control: FakeControl) -> None:
    control.answers |= {"session.show": whoami(Role.head), "account.list": [{}]}
    _, text = await console.get("/")
    assert "<code>schoolgate account create LOGIN --display-name NAME</code>" in text


async def test_the_sign_in_leads_to_the_first_account_and_that_to_the_second(
    console: RunningConsole, control: FakeControl
) -> None:
    made = {"login": "margaret", "display_name": "Margaret Quill"}
    control.answers |= {"session.providers": [], "session.first_run": made, "session.redeem_link": made}
    _, text = await console.get("/sign-in", signed_in=False)
    assert 'No account yet? <a href="/first-account">Make the first one</a>' in text
    form = {"password": "a long enough one", "again": "a long enough one"}
    _, text = await console.post("/first-account", signed_in=False, data=form)
    assert "add your network manager" in text
    assert "<code>schoolgate account role LOGIN network_manager</code>" in text
    _, text = await console.post("/choose-password", signed_in=False, data=form)
    assert "add your network manager" not in text


@pytest.mark.parametrize("role", list(Role))
async def test_nobodys_home_is_all_clear_while_lists_are_not_chosen(
    console: RunningConsole, control: FakeControl, role: Role
) -> None:
    control.answers |= {"session.show": whoami(role), "status.home": HOME | {"unprotected": 1}}
    control.answers["status.show"] = SERVING | {"problems": [], "unprotected": [{"severity": "warning"}]}
    _, text = await console.get("/")
    assert "good-news" not in text
    assert "Nothing needs you" not in text
    assert home_tasks.STILL_OPEN in text
    assert ('href="/lists/choose" aria-label="Choose lists' in text) is (
        role in (Role.network_manager, Role.trust_director, Role.provider)
    )


def test_what_changes_within_a_day_is_expected() -> None:
    row = {"kind": "allow", "name": "lesson.example", "is_ended": False, "segments": ["pupils"]}
    exceptions = {
        "exceptions": [
            row | {"until": "2026-11-30T12:00:00+00:00"},
            row | {"until": "2026-12-09T12:00:00+00:00"},
            row | {"until": None, "kind": "feed"},
        ]
    }
    found = home_tasks.expected(HOME | {"next_change": "2026-11-30T12:30:00+00:00"}, exceptions, NOW)
    assert [one[1:] for one in found] == [
        ("closes again, for pupils", "lesson.example"),
        ("A network changes its policy by its schedule.", ""),
    ]


def test_the_end_of_an_exception_is_no_change_by_schedule_and_one_line_for_all_networks() -> None:
    row = {"kind": "allow", "name": "lesson.example", "is_ended": False, "until": "2026-11-30T12:00:00+00:00"}
    exceptions = {"exceptions": [row | {"segments": ["staff"]}, row | {"segments": ["pupils"]}]}
    home = HOME | {"next_change": "2026-11-30T13:00:00+01:00"}
    found = home_tasks.expected(home, exceptions, NOW)
    assert found == [("2026-11-30T12:00:00+00:00", "closes again, for pupils, staff", "lesson.example")]


async def test_the_first_line_of_exceptions_counts_sites(console: RunningConsole, control: FakeControl) -> None:
    row = {"kind": "allow", "name": "lesson.example", "is_ended": False, "until": "2026-11-30T12:00:00+00:00",
           "segments": ["staff"], "where": "staff", "reason": "x", "owner": None, "hits": None}  # fmt: skip
    rows = [row, row | {"where": "pupil", "segments": ["pupils"]}]
    control.answers["exceptions.list"] = {"exceptions": rows, "not_counted": ""}
    _, text = await console.get("/exceptions")
    assert "<h1>One site is open for a while.</h1>" in text


def test_a_chart_has_each_hour_on_the_schools_clock() -> None:
    counts = [{"at": "2026-11-30T08:00:00+00:00", "key": key, "rows": 5} for key in ("allow", "deny", "deny-revealed")]
    asked, blocked = home_tasks.by_hour({"counts": counts}, NOW, ZoneInfo("Europe/Berlin"))
    assert len(asked) == len(blocked) == 24
    assert [one for one in asked if one[1]] == [("09", 15)]
    assert [one for one in blocked if one[1]] == [("09", 10)]


def test_numbers_are_words_up_to_twelve() -> None:
    assert (number(0), number(12), number(3_120)) == ("no", "twelve", "3,120")
    assert (in_words(1, "list"), in_words(2, "list"), in_words(0, "list")) == (
        "one list",
        "two lists",
        "no lists",
    )
    assert (age(20), age(3_700), age(2 * DAY_S)) == ("one minute", "one hour", "two days")


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_has_its_own_home(console: RunningConsole, control: FakeControl, role: Role) -> None:
    control.answers["session.show"] = whoami(role)
    control.answers["evidence.assurance"] = {"sentences": []}
    response, text = await console.get("/")
    assert response.status == 200
    assert text.count("<h1>All five networks are filtered.") == 1
    assert ("My requests" in text) is (role is Role.teacher)
    assert ("For the next meeting" in text) is (role is Role.governor)
    assert ("Schools</h2>" in text) is (role is Role.trust_director)


async def test_a_part_that_cannot_be_read_takes_no_other_with_it(console: RunningConsole, control: FakeControl) -> None:
    control.answers["alerts.counts"] = Refused("AlertsUnavailable", "alerts.db is damaged; restore it")
    control.answers["suggestions.list"] = [{}]
    _, text = await console.get("/")
    assert "alerts.db is damaged; restore it" in text
    assert "One new name may belong on a list." in text


async def test_an_account_without_a_role_is_shown_who_to_ask(console: RunningConsole, control: FakeControl) -> None:
    control.answers["session.show"] = whoami()
    response, text = await console.get("/")
    assert response.status == 200
    assert "have no role here yet" in text


async def test_a_teacher_sees_what_became_of_their_requests(console: RunningConsole, control: FakeControl) -> None:
    control.answers["session.show"] = whoami(Role.teacher)
    row = {
        "number": 7, "action": "open", "names": ["art.example.com"], "service": "", "wanted": "", "state": "suggested",
        "segments": ["pupils"], "created_us": 1_796_000_000_000_000, "is_for_me": False, "waits": "leader",
    }  # fmt: skip
    control.answers["request.list"] = {"requests": [row], "before": None, "counts": {}, "people": {}}
    _, text = await console.get("/")
    assert "Open art.example.com for Pupils: suggested." in text
    assert 'href="/requests/7"' in text
    assert "asked for nothing yet" not in text


def test_a_command_in_a_problem_is_shown_as_one_and_not_with_its_marks() -> None:
    problem = {"id": "backup", "severity": "warning", "sentence": "no backup: `schoolgate backup key`", "remedy": ""}
    (task,) = home_tasks.tasks_of({"status": {"problems": [problem], "unprotected": []}}, NOW)
    assert commands(task.words) == "No backup: <code>schoolgate backup key</code>"


def test_a_list_for_lessons_waits_for_who_may_agree_to_it() -> None:
    lists = [{"may_agree": True, "is_over": False}, {"may_agree": False, "is_over": False}]
    now = dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC)
    assert [one.words for one in home_tasks.tasks_of({"lesson_lists": lists}, now)] == [
        "One list for lessons waits for an approver."
    ]
    assert home_tasks.tasks_of({"lesson_lists": lists[1:]}, now) == []
