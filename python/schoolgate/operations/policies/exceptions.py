"""What is open or closed for a while, and until when; and an end before that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies.policies import PolicyApplied, applied, change_text, examined, ground_of
from schoolgate.operations.policies.policy_in_force import PolicyInForce, policy_in_force
from schoolgate.operations.registry import Personal, StaffName, changes, looks
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import latest_revision, policy_files
from schoolgate.policy.names import NameRule

Kind = Literal["allow", "deny", "feed", "lesson"]
# Rows of the log of so many days are its hits.
HITS_DAYS = 7


class NoSuchException(SchoolgateError):
    """Nothing in the policy is open, or closed, by this name for a while."""


@dataclass(frozen=True)
class ExceptionShown:
    """`kind`: allow and deny are of a policy, feed is a name left out of a feed for good, lesson is open for a segment
    from the lesson's beginning on. `where`: policy, feed or segment.
    `path`: where it is written. `owner`: who answers for it. `until`: ISO 8601, UTC; None: it has no end. `hits`: rows
    of the last 7 days for this name or below it, in any segment; None: not counted. `segments` that have the policy."""

    kind: Kind
    name: str
    where: str
    path: str
    owner: Annotated[str | None, StaffName]
    reason: str
    until: str | None
    is_ended: bool
    segments: tuple[str, ...]
    hits: int | None


@dataclass(frozen=True)
class ExceptionsShown:
    """Those that end first come first. `not_counted`: why there are no hits."""

    revision: int
    exceptions: tuple[ExceptionShown, ...]
    not_counted: str | None


@looks("exceptions.list")
def list_exceptions(work: Work, has_ended: bool = False, counts_hits: bool = False) -> ExceptionsShown:
    """What is open or closed for a while, and names left out of feeds. `counts_hits` asks the query log."""
    found = policy_in_force(work)
    every = [*_of_policies(work, found), *_of_lessons(work, found), *_of_feeds(work)]
    shown = sorted(
        (one for one in every if has_ended or not one.is_ended), key=lambda one: (one.until or "~", one.name)
    )
    hits, why = _hits(work, shown) if counts_hits and shown else ({}, None)
    is_counted = counts_hits and why is None
    counted = (replace(one, hits=hits.get(_bare(one.name), 0) if is_counted else None) for one in shown)
    return ExceptionsShown(found.number, tuple(counted), why)


@changes("exceptions.end")
def end(work: Work, name: str, policy: str, reason: Annotated[str, Personal] = "") -> PolicyApplied:
    """Closes again what an exception of a policy opened. Raises `NoSuchException`."""
    return _end(work, name, policy, "exceptions", reason.strip() or f"end the exception for {name}")


@changes("exceptions.end_deny")
def end_deny(work: Work, name: str, policy: str, reason: Annotated[str, Personal]) -> PolicyApplied:
    """Opens again what a policy closed for a while. Raises `NoSuchException`."""
    return _end(work, name, policy, "temporary_deny", reason)


def _end(work: Work, name: str, policy: str, key: str, reason: str) -> PolicyApplied:
    import tomlkit

    settings, ground = ground_of(work)
    before = latest_revision(policy_files(settings).look())
    found = policy_in_force(work)
    document: Any = tomlkit.parse(found.text)
    there = found.document.policies.get(policy)
    written = getattr(there, key) if there is not None else ()
    at = [index for index, one in enumerate(written) if str(one.name) == name.strip()]
    if not at:
        said = "is open" if key == "exceptions" else "is closed"
        raise NoSuchException(f"{name} {said} by no entry of policy {policy}; see what is with exceptions.list")
    rows = document["policies"][policy][key]
    for index in reversed(at):
        del rows[index]
    if not rows:
        del document["policies"][policy][key]
    after = tomlkit.dumps(document)
    examined(work, ground, after, "the changed policy").refuse()
    follows = before.number if before is not None else 0
    return applied(work, change_text(work, ground, after, "the changed policy", reason, follows=follows))


def _of_policies(work: Work, found: PolicyInForce) -> Iterator[ExceptionShown]:
    for identity, policy in found.document.policies.items():
        segments = _segments(found, identity)
        for index, one in enumerate(policy.exceptions):
            path = f"policies.{identity}.exceptions[{index}]"
            yield _timed(work, "allow", one.name, identity, path, one.approved_by, one.reason, one.until, segments)
        for index, closed in enumerate(policy.temporary_deny):
            path = f"policies.{identity}.temporary_deny[{index}]"
            yield _timed(work, "deny", closed.name, identity, path, None, closed.reason, closed.until, segments)


def _of_lessons(work: Work, found: PolicyInForce) -> Iterator[ExceptionShown]:
    for name, segment in found.document.segments.items():
        for index, one in enumerate(segment.lessons):
            path = f"segments.{name}.lessons[{index}]"
            reason = f"lesson {one.number}: {one.lesson}"
            for rule in one.names:
                yield _timed(work, "lesson", rule, name, path, one.approved_by, reason, one.until, (name,))


def _timed(
    work: Work, kind: Kind, name: NameRule, policy: str, path: str, owner: str | None, reason: str, until: dt.datetime,
    segments: tuple[str, ...],
) -> ExceptionShown:  # fmt: skip
    end = until.astimezone(dt.UTC).isoformat()
    return ExceptionShown(kind, str(name), policy, path, owner, reason, end, until <= work.now, segments, None)


def _of_feeds(work: Work) -> Iterator[ExceptionShown]:
    from schoolgate.lists.feed_book import FeedBook

    for feed, chosen in FeedBook(work.settings.server.state_dir).read().items():
        for one in chosen.excepted:
            path = f"feeds.{feed}"
            yield ExceptionShown("feed", one.name, feed, path, one.who, one.reason, None, False, (), None)


def _segments(found: PolicyInForce, policy: str) -> tuple[str, ...]:
    """Segments that have the policy, or one below it, now or by schedule."""
    below = {one for one, lineage in found.checked.lineages.items() if policy in lineage}
    return tuple(name for name, one in found.document.segments.items() if below & one.every_policy)


def _hits(work: Work, shown: Iterable[ExceptionShown]) -> tuple[dict[str, int], str | None]:
    from schoolgate.querylog import LogProblem, QueryLog

    names = {_bare(one.name) for one in shown}
    try:
        with QueryLog(work.settings.server.state_dir) as log:
            found = log.names_asked_since(names, work.now - dt.timedelta(days=HITS_DAYS))
    except LogProblem as error:
        return {}, str(error)
    return {one.name: one.rows for one in found}, None


def _bare(rule: str) -> str:
    """The name of a rule, whatever it matches."""
    return rule.removeprefix("=")
