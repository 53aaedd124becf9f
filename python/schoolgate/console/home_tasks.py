"""Each role's first page as values: an answer, the tasks, and what is worth knowing. Made of what operations returned.

A part that could not be read is missing, is named, and takes no other part with it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schoolgate.console import request_words
from schoolgate.console.plain_words import age, day, in_words, number, sentence

# A list that its publisher has not confirmed for longer is named in the first line.
OLD_FEED_S: Final = 36 * 3600
ENDS_SOON: Final = dt.timedelta(hours=24)
CHECK_DUE: Final = dt.timedelta(days=3)
LEAVERS_LATE: Final = dt.timedelta(days=3)
# Said where lists that close what is to be closed are not chosen.
STILL_OPEN: Final = "Many harmful sites are still open: lists that close them are not chosen yet."
# Said while the demonstration's policy is in force.
NOT_SET_UP: Final = "No school is set up yet: other devices than the server are refused."
SET_UP: Final = "/setup"
# How the second account of an installation is made.
ADD_MANAGER: Final = (
    "`schoolgate account create LOGIN --display-name NAME`, then `schoolgate account role LOGIN network_manager`"
)
# What each part of a page is asked by.
PARTS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "status": ("status.show", {}),
    "alerts": ("alerts.counts", {}),
    "exceptions": ("exceptions.list", {}),
    "requests": ("account.requests", {}),
    "changes": ("request.list", {"is_for_me": True, "most": 100}),
    "review": ("account.review", {}),
    "suggestions": ("suggestions.list", {}),
    "cases": ("case.counts", {}),
    "tickets": ("ticket.counts", {}),
    "own_tickets": ("ticket.own", {"most": 3}),
    "own_changes": ("request.list", {"is_mine": True, "most": 3}),
    "accounts": ("account.list", {}),
    "leavers": ("account.leavers", {}),
    "lessons": ("lesson.list", {"days": 2}),
    "lesson_lists": ("lesson.lists", {}),
    "exams": ("exam.show", {}),
    "checks": ("checks.record", {}),
    "coverage": ("checks.coverage", {}),
    "hours": ("log.hours", {}),
    "log": ("log.status", {}),
    "assurance": ("evidence.assurance", {}),
    "dues": ("action.calendar", {"days": 14}),
    "gaps": ("register.gaps", {}),
}


@dataclass(frozen=True)
class Task:
    """One thing to do. `path`: "" where no screen does it. `detail`: what to do, or why."""

    words: str
    path: str
    verb: str
    detail: str = ""
    is_urgent: bool = False


@dataclass(frozen=True)
class Light:
    """One school. `state`: good, look or stopped; `words` say the same."""

    name: str
    state: str
    words: str


def answer(home: Mapping[str, Any], tasks: Sequence[Task]) -> str:
    """The first line: whether devices are filtered, and what is worst."""
    if not home["is_serving"]:
        return "The filter is not running."
    if not home.get("is_set_up", True):
        return f"{NOT_SET_UP} {_second(home, tasks)}".strip()
    count = len(home["segments"])
    if count == 0:
        first = "Every device gets the strictest policy; no network is named yet."
    elif count == 1:
        first = "The one network is filtered."
    else:
        first = f"All {number(count)} networks are filtered."
    return f"{first} {_second(home, tasks)}".strip()


def _second(home: Mapping[str, Any], tasks: Sequence[Task]) -> str:
    urgent = [one for one in tasks if one.is_urgent]
    if urgent:
        rest = len(tasks) - len(urgent)
        later = f", {in_words(rest, 'other', 'others')} can wait" if rest else ""
        return f"{sentence(in_words(len(urgent), 'thing needs', 'things need'))} you today{later}."
    if home["unprotected"]:
        return STILL_OPEN
    oldest = home["oldest_feed_s"]
    if oldest is not None and oldest > OLD_FEED_S:
        return f"The oldest list is {age(oldest)} old."
    return "Nothing needs you now." if not tasks else ""


def tasks_of(facts: Mapping[str, Any], now: dt.datetime) -> list[Task]:
    """What waits for this account, urgent things first. `facts`: by the names of `PARTS`, only what was read."""
    found = [
        *_alerts(facts.get("alerts")),
        *_approvals(facts.get("requests")),
        *_changes_asked(facts.get("changes")),
        *_lesson_lists(facts.get("lesson_lists")),
        *_first_colleague(facts.get("accounts")),
        *_unprotected(facts.get("status")),
        *_problems(facts.get("status")),
        *_cases(facts.get("cases")),
        *_tickets(facts.get("tickets")),
        *_review(facts.get("review")),
        *_leavers(facts.get("leavers"), now),
        *_dues(facts.get("dues")),
        *_gaps(facts.get("gaps")),
        *_suggestions(facts.get("suggestions")),
        *_checks(facts.get("checks"), now),
        *_segments(facts),
        *_coverage(facts.get("coverage")),
    ]
    return sorted(found, key=lambda one: not one.is_urgent)


def _alerts(counts: Any) -> Iterator[Task]:
    for severity, words in (("urgent", "urgent alert"), ("warning", "alert")):
        new = (counts or {"open": {}})["open"].get(severity, {}).get("new", 0)
        if new:
            waits = f"{in_words(new, words)} {'waits' if new == 1 else 'wait'} for someone to look."
            yield Task(sentence(waits), f"/alerts?severity={severity}", "Look", is_urgent=severity == "urgent")


def _approvals(found: Any) -> Iterator[Task]:
    if not found:
        return
    for name, words in (("roles", "role"), ("resets", "request to reset a sign-in")):
        if count := len(found[name]):
            said = in_words(count, words, None if name == "roles" else "requests to reset a sign-in")
            yield Task(f"{sentence(said)} to decide.", "/accounts/requests", "Decide", is_urgent=True)


def _lesson_lists(found: Any) -> Iterator[Task]:
    """Lists for lessons that this account may agree to."""
    count = sum(1 for one in found or () if one["may_agree"] and not one["is_over"])
    if count:
        said = in_words(count, "list for lessons waits", "lists for lessons wait")
        yield Task(f"{sentence(said)} for an approver.", "/lessons/lists", "Look")


def _changes_asked(found: Any) -> Iterator[Task]:
    """What is asked of the filter, and waits for this account."""
    for words, path, verb, is_urgent in request_words.tasks(found["requests"] if found else ()):
        yield Task(words, path, verb, is_urgent=is_urgent)


def _first_colleague(accounts: Any) -> Iterator[Task]:
    """While there is one account: it is a head's or a director's, who do not run the filter."""
    if accounts is not None and len(accounts) == 1:
        yield Task("Add your network manager.", "/accounts", "See accounts", f"On the machine: {ADD_MANAGER}.")


def _unprotected(status: Any) -> Iterator[Task]:
    """One task for all that a choice of lists would close. A notice is no task: nothing would ever end it."""
    if status and any(one["severity"] != "notice" for one in status["unprotected"]):
        detail = "Choose the recommended lists; each is shown with its licence first."
        yield Task(STILL_OPEN, "/lists/choose", "Choose lists", detail, is_urgent=True)


def _problems(status: Any) -> Iterator[Task]:
    for one in (status or {"problems": ()})["problems"]:
        if one["id"] == "demonstration-policy":
            yield Task(NOT_SET_UP, SET_UP, "Set it up", "Ten minutes of questions, then a summary.", is_urgent=True)
            continue
        is_urgent = one["severity"] == "refused" or one["id"] in ("not-serving", "server-silent")
        yield Task(sentence(one["sentence"]), "/health", "See Health", one["remedy"], is_urgent)


def _review(rows: Any) -> Iterator[Task]:
    due = [one for one in rows or () if one["is_due"]]
    if due:
        late = sum(one["is_overdue"] for one in due)
        words = f"{sentence(in_words(len(due), 'role is', 'roles are'))} due for your signature."
        yield Task(
            words,
            "/accounts/review",
            "Sign",
            f"{in_words(late, 'is', 'are')} overdue." if late else "",
            late > 0,
        )


def _leavers(readings: Any, now: dt.datetime) -> Iterator[Task]:
    """A list of people that was not read last night is a bad night; for three days, leavers may still get in."""
    for one in readings or ():
        if one["problem"]:
            is_urgent = now.timestamp() * 1e6 - one["read_us"] > LEAVERS_LATE.total_seconds() * 1e6
            words = "The school's list of people was not read: who left may still have an account here."
            yield Task(words, "/accounts", "See accounts", sentence(f"{one['provider']}: {one['problem']}"), is_urgent)


def _cases(counts: Any) -> Iterator[Task]:
    """One line by severity: how many are open is the answer, and which is on the page."""
    late = counts["overdue"] if counts else 0
    for severity, words in (("urgent", "urgent case"), ("warning", "case"), ("notice", "minor case")):
        if count := (counts or {"open": {}})["open"].get(severity, 0):
            detail = f"{in_words(late, 'case waits', 'cases wait')} longer than planned." if late else ""
            said = f"{sentence(in_words(count, words))} {'is' if count == 1 else 'are'} open."
            yield Task(said, f"/cases?severity={severity}", "Follow up", detail, severity == "urgent")
            late = 0


def _tickets(counts: Any) -> Iterator[Task]:
    """An overdue one is urgent: a colleague waits, and tells the next thing to no one."""
    count, late = sum(counts["open"].values()) if counts else 0, counts["overdue"] if counts else 0
    if count:
        words = f"{sentence(in_words(count, 'report'))} of staff {'waits' if count == 1 else 'wait'} for an answer."
        detail = f"{in_words(late, 'is', 'are')} overdue." if late else ""
        yield Task(words, "/tickets", "Read", detail, late > 0)


def _dues(found: Any) -> Iterator[Task]:
    """Records that a person has to act on: one task for what is overdue, one for what comes in two weeks."""
    rows = (found or {"dues": ()})["dues"]
    overdue = [one for one in rows if one["is_overdue"]]
    soon = [one for one in rows if not one["is_overdue"]]
    if overdue:
        words = f"{sentence(in_words(len(overdue), 'date is', 'dates are'))} overdue."
        yield Task(words, "/actions", "See dates", f"The longest: {overdue[0]['words']}, {_day(overdue[0])}.")
    if soon:
        words = f"{sentence(in_words(len(soon), 'thing is', 'things are'))} due within two weeks."
        yield Task(words, "/actions", "See dates", f"The first: {soon[0]['words']}, {_day(soon[0])}.")


def _day(due: Mapping[str, Any]) -> str:
    return day(dt.date.fromisoformat(due["due_on"]))


def _gaps(found: Any) -> Iterator[Task]:
    """What a school has to have and has not."""
    if not found:
        return
    if posts := found["unfilled_posts"]:
        words = f"{sentence(in_words(len(posts), 'required post has', 'required posts have'))} no person named."
        yield Task(words, "/registers/responsibility", "Name them", "; ".join(posts) + ".")
    if not found["has_review"]:
        yield Task("No review of filtering and monitoring is signed yet.", "/reviews", "See reviews")
    if count := found["undecided"]:
        words = f"{sentence(in_words(count, 'decision has', 'decisions have'))} no review date."
        yield Task(words, "/registers/decisions", "Decide")


def _suggestions(rows: Any) -> Iterator[Task]:
    if rows:
        words = f"{sentence(in_words(len(rows), 'new name', 'new names'))} may belong on a list."
        yield Task(words, "/suggestions", "Look through them")


def _checks(found: Any, now: dt.datetime) -> Iterator[Task]:
    if found is None:
        return
    last = found["reachability"]
    if last is None:
        words = "It was not checked yet that help lines and exams are open."
        yield Task(words, "/checks", "Check now")
    elif now - dt.datetime.fromisoformat(last["at"]) > CHECK_DUE:
        yield Task("The daily check that help lines are open is overdue.", "/checks", "Check now")


def _segments(facts: Mapping[str, Any]) -> Iterator[Task]:
    """Who sees the status reads of both there."""
    found = facts.get("checks") or {}
    if facts.get("status") is not None:
        return
    failed = {one["segment"] for one in (found.get("segments") or {}).get("networks", ()) if one["state"] == "failed"}
    if failed:
        words = f"{sentence(in_words(len(failed), 'network does', 'networks do'))} not get what the policy says."
        yield Task(words, "/checks", "Look", ", ".join(sorted(failed)), is_urgent=True)
    if changed := (found.get("drift") or {}).get("changed"):
        yield Task("The setup was changed outside an operation.", "/checks", "Look", ", ".join(changed), is_urgent=True)


def _coverage(found: Any) -> Iterator[Task]:
    """Once there is a plan: before it, a whole matrix would be due."""
    if found and not found["is_first"] and found["due"]:
        words = f"{sentence(in_words(found['due'], 'check of devices is', 'checks of devices are'))} due."
        yield Task(words, "/checks/coverage", "See which")


def expected(
    home: Mapping[str, Any], exceptions: Any, now: dt.datetime, lessons: Any = None
) -> list[tuple[str, str, str]]:
    """What changes by itself within a day, and lessons: moment, words, name of a site or ""."""
    ends = _ends(exceptions)
    found = list(_lessons(lessons, now))
    # The policy changes when an exception ends, too: that is no schedule.
    if home["next_change"] is not None and dt.datetime.fromisoformat(home["next_change"]) not in {
        at for at, *_ in ends
    }:
        found.append((home["next_change"], "A network changes its policy by its schedule.", ""))
    for (at, name, words), rows in ends.items():
        if at - now < ENDS_SOON:
            whose = sorted({segment for row in rows for segment in row["segments"]})
            is_for_all = any(not row["segments"] for row in rows)
            found.append(
                (rows[0]["until"], f"{words}, for {', '.join(whose) if not is_for_all else 'all networks'}", name)
            )
    return sorted(found, key=lambda one: (dt.datetime.fromisoformat(one[0]), one[2]))


def _lessons(lessons: Any, now: dt.datetime) -> Iterator[tuple[str, str, str]]:
    for one in lessons or ():
        begin, end = (dt.datetime.fromtimestamp(one[name] / 1e6, dt.UTC) for name in ("from_us", "until_us"))
        if not one["is_withdrawn"] and end > now and begin - now < ENDS_SOON:
            who = f"{one['teacher']}, {one['group']}" if one["group"] else one["teacher"]
            yield begin.isoformat(), f"A lesson: {one['topic']} ({who}).", ""


def _ends(exceptions: Any) -> dict[tuple[dt.datetime, str, str], list[Any]]:
    """Exceptions that have an end, by its moment, the site, and what it does: one that holds for several networks has a
    row for each."""
    found: dict[tuple[dt.datetime, str, str], list[Any]] = {}
    for one in (exceptions or {"exceptions": ()})["exceptions"]:
        if one["until"] and not one["is_ended"]:
            words = "closes again" if one["kind"] in ("allow", "lesson") else "opens again"
            found.setdefault((dt.datetime.fromisoformat(one["until"]), one["name"], words), []).append(one)
    return found


def light_of(home: Mapping[str, Any], tasks: Sequence[Task]) -> Light:
    """This school, as a trust's director sees it beside others."""
    if not home["is_serving"]:
        return Light("This school", "stopped", "The filter is not running")
    waiting = sum(home["problems"].values()) + home["unprotected"]
    if waiting or any(one.is_urgent for one in tasks):
        return Light("This school", "look", f"Filtered; {in_words(waiting or 1, 'thing')} to look at")
    return Light("This school", "good", "Filtered, nothing waits")


def by_hour(hours: Any, now: dt.datetime, zone: dt.tzinfo) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Questions, and those blocked, of each hour of the last 24 on the school's clock; hours without any are 0."""
    all_of: dict[dt.datetime, int] = {}
    blocked: dict[dt.datetime, int] = {}
    for one in hours["counts"]:
        at = dt.datetime.fromisoformat(one["at"])
        all_of[at] = all_of.get(at, 0) + one["rows"]
        if one["key"].startswith("deny"):
            blocked[at] = blocked.get(at, 0) + one["rows"]
    last = now.replace(minute=0, second=0, microsecond=0)
    times = [last - dt.timedelta(hours=ago) for ago in range(23, -1, -1)]
    words = [f"{one.astimezone(zone):%H}" for one in times]
    return (
        [(word, all_of.get(at, 0)) for word, at in zip(words, times, strict=True)],
        [(word, blocked.get(at, 0)) for word, at in zip(words, times, strict=True)],
    )
