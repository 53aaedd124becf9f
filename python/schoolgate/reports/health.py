"""How the filter itself is, in sentences: how old its lists are, whether sealed lists work, what was lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from schoolgate.reports.facts import Facts

MOST_PROBLEMS = 10


def health_sentences(facts: Facts, *, in_detail: bool) -> Iterator[str]:
    """`in_detail`: for those who mend it."""
    status = facts.status
    if status is None:
        yield "schoolgate did not run when this report was made, so its health is not known."
        return
    yield from _lists(status, in_detail)
    yield from _categories(status, in_detail)
    yield from _sealed(status, facts)
    yield from _log(status)
    if in_detail:
        yield f"The service has run for {age(status['uptime_s'])} without a restart."
        yield from _problems(status)
    elif status["problems"]:
        yield f"{len(status['problems'])} things need the attention of the operator of the network."
    else:
        yield "Nothing needs attention."


def _lists(status: dict[str, Any], in_detail: bool) -> Iterator[str]:
    lists = status["lists"]
    yield f"The lists in force hold {lists['names']:,} names and were built {age(lists['age_s'])} ago."
    feeds = (lists.get("update") or {}).get("feeds", [])
    unwell = [one for one in feeds if one["condition"] != "ok"]
    if feeds:
        yield f"{len(feeds) - len(unwell)} of {len(feeds)} published lists in use are as they should be."
    for one in unwell if in_detail else ():
        old = "was never fetched" if one["age_s"] is None else f"is used as of {age(one['age_s'])} ago"
        yield f"List {one['id']} is {one['condition']} and {old}."


def _categories(status: dict[str, Any], in_detail: bool) -> Iterator[str]:
    """For every reader: what is called blocked and mostly is not."""
    found = status.get("categories")
    if found is None:
        return
    thin = [str(one["name"]) for one in found["starter_only"]]
    if thin:
        share = f"{len(thin)} of the {found['denied']} kinds of site that are blocked"
        yield f"Of {share}, only the best-known names are: {_listed(thin)}. Most other sites of these kinds are open."
    if found["empty"]:
        yield f"Called blocked, but without any name: {_listed(str(one['name']) for one in found['empty'])}."
    if in_detail:
        for one in found["unlisted"]:
            yield f"{one['name']}: {one['starter_names']} reviewed names and no recommended list. {one['remedy']}."


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _sealed(status: dict[str, Any], facts: Facts) -> Iterator[str]:
    if status.get("sealed") is None:
        yield "No sealed list of illegal content is in use."
        return
    for one in status["sealed"]["suppliers"]:
        yield f"The sealed list of {one['supplier']} is {age(one['age_s'])} old ({one['state']})."
    yield f"Self-test of the sealed lists: {facts.self_test or 'not run'}."


def _log(status: dict[str, Any]) -> Iterator[str]:
    log = status.get("query_log") or {}
    if not log:
        return
    lost = sum(sum((log.get(key) or {}).values()) for key in ("dropped_ring", "dropped_disk"))
    if lost:
        yield f"{lost:,} rows of the query log were lost since the last start: the counts here are too low by as many."
    else:
        yield "No row of the query log was lost since the last start."
    if log.get("problem"):
        yield f"The query log: {log['problem']}."


def _problems(status: dict[str, Any]) -> Iterator[str]:
    for problem in status["problems"][:MOST_PROBLEMS]:
        yield f"To look at: {problem}"
    more = len(status["problems"]) - MOST_PROBLEMS
    if more > 0:
        yield f"And {more} more; see `schoolgate status`."


def age(seconds: float) -> str:
    """In the unit people would use."""
    for unit, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
