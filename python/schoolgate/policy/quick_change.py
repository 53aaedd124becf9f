"""One name closed or opened in a policy text, for some segments, for good or until a moment: no other line changes.

What is written is what a person would write, so that comments, order and layout stay. An entry with an end is without
effect from then on; the next such change of the same policy removes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.items import AoT

from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.policy.check import CheckedPolicy, parse
from schoolgate.policy.model import Segment
from schoolgate.policy.names import NameRule
from schoolgate.policy.times import parse_moment

# Keys of a policy whose entries have an end.
ENDING = ("exceptions", "temporary_deny")


class SegmentUnclear(SchoolgateError):
    """The segments that a change is for do not say which policies to change."""


class NoEffect(SchoolgateError):
    """The change would not do what was asked for; nothing was applied."""


@dataclass(frozen=True)
class Wanted:
    """`closes`: deny the name, else allow it. `until` None: for good, which only a deny may be."""

    rule: NameRule
    closes: bool
    reason: str
    approved_by: str
    until: dt.datetime | None


# Why a name is still open (or closed) under a policy of a text; None where it is as wanted.
Judge = Callable[[CheckedPolicy, str], str | None]


@dataclass(frozen=True)
class Scope:
    """The policies that clients of the segments can have, and those of them to write to: what is below inherits."""

    policies: tuple[str, ...]
    tops: tuple[str, ...]


def scope_of(checked: CheckedPolicy, segments: tuple[str, ...]) -> Scope:
    """Without segments: every policy that a device can have. Raises `SegmentUnclear`."""
    document, lineages = checked.document, checked.lineages
    for one in segments:
        if one not in document.segments:
            raise SegmentUnclear(f"there is no network {one}; {did_you_mean(one, document.segments)}")
    named = segments or tuple(document.segments)
    policies = {policy for one in named for policy in _policies_of(document.segments[one])}
    if not segments:
        policies.add(document.strictest)
    tops = tuple(sorted(one for one in policies if not policies & set(lineages[one][:-1])))
    others = [
        one
        for one, segment in document.segments.items()
        if one not in named and any(set(tops) & set(lineages[policy]) for policy in _policies_of(segment))
    ]
    if others:
        more = " ".join(f"--segment {one}" for one in others)
        raise SegmentUnclear(
            f"the policies of {', '.join(segments)} are also those of {', '.join(others)}: name these too ({more}), or"
            " leave out --segment for the whole school"
        )
    return Scope(tuple(sorted(policies)), tops)


def changed(text: str, file: str, scope: Scope, wanted: Wanted, now: dt.datetime, judge: Judge) -> str:
    """The text with the change. It is written to the policies at the top, then to each below that still says otherwise.
    Raises `NoEffect` naming what stands above it, and `PolicyRefused` where a lock forbids it."""
    document = tomlkit.parse(text)
    for identity in scope.tops:
        _write(document, identity, wanted, now)
    for identity in _not_as_wanted(document, file, scope, judge):
        if identity not in scope.tops:
            _write(document, identity, wanted, now)
    after = tomlkit.dumps(document)
    checked = parse(after, file)
    for identity in scope.policies:
        against = judge(checked, identity)
        if against is not None:
            state = "open" if wanted.closes else "closed"
            raise NoEffect(f"{wanted.rule} would stay {state} under policy {identity}: {against}; nothing was applied")
    return after


def _not_as_wanted(document: tomlkit.TOMLDocument, file: str, scope: Scope, judge: Judge) -> list[str]:
    checked = parse(tomlkit.dumps(document), file)
    return [identity for identity in scope.policies if judge(checked, identity) is not None]


def _policies_of(segment: Segment) -> set[str]:
    return set(segment.every_policy)


def _write(document: Any, identity: str, wanted: Wanted, now: dt.datetime) -> None:
    policy = document["policies"][identity]
    for key in ENDING:
        _remove_ended(policy, key, now)
    if wanted.until is None:
        _append(policy, "deny", str(wanted.rule))
        return
    entry = {"name": str(wanted.rule), "reason": wanted.reason}
    if not wanted.closes:
        entry["approved_by"] = wanted.approved_by
    _append(policy, "temporary_deny" if wanted.closes else "exceptions", entry | {"until": wanted.until})


def _append(policy: Any, key: str, value: str | dict[str, Any]) -> None:
    there = policy.get(key)
    if isinstance(there, AoT) and isinstance(value, dict):
        row = tomlkit.table()
        row.update(value)
        there.append(row)
        return
    entry: Any = value
    if isinstance(value, dict):
        entry = tomlkit.inline_table()
        entry.update(value)
    if there is None:
        made = tomlkit.array()
        made.append(entry)
        policy[key] = made.multiline(isinstance(value, dict))
    elif entry not in there:
        there.append(entry)


def _remove_ended(policy: Any, key: str, now: dt.datetime) -> None:
    there = policy.get(key, ())
    for at in reversed(list(_ended(there, now))):
        del there[at]
    if key in policy and not there:
        del policy[key]


def _ended(entries: Iterable[Any], now: dt.datetime) -> Iterator[int]:
    return (at for at, one in enumerate(entries) if parse_moment(one["until"]) <= now)
