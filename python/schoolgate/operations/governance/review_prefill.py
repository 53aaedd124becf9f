"""What a review begins with: the system's own data, each field with the query that measured it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from schoolgate.evidence.limits_statement import NEEDED as FOR_LIMITS
from schoolgate.evidence.limits_statement import limits_of
from schoolgate.evidence.sources import SourceBroken, Sources, needed_by, reads, reads_of

# Of a field; a policy with more is named in part, and the page of policies has the rest.
MOST_CHARACTERS: Final = 18_000


def prefilled(sources: Sources) -> tuple[dict[str, str], dict[str, str]]:
    """Texts by field, and the query of each. A field whose source is broken says so, and is filled in by hand."""
    texts, queries = dict[str, str](), dict[str, str]()
    for field, lines in _FIELDS.items():
        try:
            text = "\n".join(lines(sources if lines is _limits else sources.only(reads_of(lines))))
        except SourceBroken as error:
            text = f"This could not be read ({error}). Fill it in by hand."
        texts[field] = (
            text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}\n... and more: see the policy"
        )
        queries[field] = sources.queries(reads_of(lines))
    return texts, queries


@reads("policy", "exceptions")
def _policy(sources: Sources) -> Iterator[str]:
    for policy in sources["policy"]["policies"]:
        own = [one for one in policy["categories"] if one["level"] == "own" and one["value"] is not None]
        networks = ", ".join(policy["segments"]) or "no network"
        yield f"Policy {policy['policy']} ({networks}):"
        for value, words in (("deny", "closed"), ("allow", "open")):
            for reason, names in _by_reason(one for one in own if one["value"] == value).items():
                yield f"- {words}: {', '.join(names)}. Why: {reason}"
    for one in sources["exceptions"]["exceptions"]:
        until = f" until {one['until'][:10]}" if one["until"] else ""
        words = {"allow": "open", "deny": "closed", "feed": "left out of the list"}[one["kind"]]
        yield f"Exception: {one['name']} {words} in {one['where']}{until}. Why: {one['reason'] or 'not recorded'}"


def _by_reason(rows: Iterator[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in rows:
        why = one["reason"]
        said = f"{why['why']} (revision {why['revision']}, {why['at'][:10]})" if why and why["why"] else "not recorded"
        found.setdefault(said, []).append(one["name"])
    return found


@reads("alerts")
def _reports(sources: Sources) -> Iterator[str]:
    rules = sources["alerts"]["rules"]
    total = sum(one["alerts"] for one in rules.values())
    yield f"Alerts in the last year: {total:,}."
    for name, one in sorted(rules.items()):
        ended = ", ".join(f"{outcome.replace('-', ' ')} {count}" for outcome, count in sorted(one["outcomes"].items()))
        yield f"- {name}: {one['alerts']:,}, of which open {one['open']:,}{f'; {ended}' if ended else ''}"


@reads("checks", "kinds", "actions")
def _checks(sources: Sources) -> Iterator[str]:
    found = sources["checks"]
    last = found["reachability"]
    if last is None:
        yield "It was not checked yet that help lines and exams are open."
    else:
        wrong = (found["history"] or [{}])[-1].get("over_blocked", 0)
        count, day = len(found["history"]), last["at"][:10]
        yield f"{count} checks that what must be open is open; the last on {day}: {wrong} wrong."
    recorded = sources["kinds"].get("check", {})
    yield f"Checks that people recorded: {sum(recorded.values())}."
    actions = sources["actions"]
    yield f"Actions: {actions['done']} done, {actions['open']} open, of which {actions['overdue']} overdue."


@reads("ai_seen", "policy")
def _ai(sources: Sources) -> Iterator[str]:
    seen = sources["ai_seen"]
    yield from seen or ("No AI tool was used here for the first time in the last year, as far as this filter sees.",)
    for policy in sources["policy"]["policies"]:
        for one in policy["categories"]:
            if one["category"].startswith("ai-") and one["value"] is not None and policy["segments"]:
                words = "closed" if one["value"] == "deny" else "open"
                yield f"Policy {policy['policy']}: {one['name']} {words}."


@reads(*FOR_LIMITS)
def _limits(sources: Sources) -> Iterator[str]:
    return (one.sentence for one in limits_of(sources))


_FIELDS: Final[Mapping[str, Callable[[Sources], Iterable[str]]]] = {
    "blocked_and_allowed": _policy,
    "safeguarding_reports": _reports,
    "checks_made": _checks,
    "ai_tools": _ai,
    "limits": _limits,
}
NEEDED: Final = needed_by(_FIELDS.values())
