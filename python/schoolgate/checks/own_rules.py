"""A school's own rules for names: which of them do nothing, and which reach further than one site.

A rule that silently does nothing is how a school comes to believe that something is open, or closed; a deny of `co.uk`
in force unwarned is a morning without internet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from schoolgate._core import registrable_domain
from schoolgate.checks.deciding import Decided, Judge, Policy
from schoolgate.checks.needed import Needed
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.config.problems import path_of
from schoolgate.policy.model import Document
from schoolgate.policy.names import NameRule

# A name below a rule's own, to see whether the rule decides there; no site has it.
_BELOW = "schoolgate-looks-here"
_LONGEST_NAME = 253
# Names of a kind that one sentence holds.
_SHOWN = 3
# What no school's own rule may close, and what no list may.
_GUARDED = "guarded"


@dataclass(frozen=True)
class OwnRule:
    """One entry of `allow`, `deny`, `locked.deny` or `exceptions`. `path` is where it is written."""

    policy: str
    path: str
    word: Literal["allow", "deny", "locked deny", "exception"]
    rule: NameRule

    @property
    def closes(self) -> bool:
        return self.word in ("deny", "locked deny")

    def __str__(self) -> str:
        return f'{self.word} "{self.rule}"'


def own_rules(document: Document, now: dt.datetime) -> Iterator[OwnRule]:
    """Every rule in the order of the document, without exceptions that have ended."""
    for identity, policy in document.policies.items():
        root = ("policies", identity)
        for index, rule in enumerate(policy.allow):
            yield OwnRule(identity, path_of((*root, "allow", index)), "allow", rule)
        for index, rule in enumerate(policy.deny):
            yield OwnRule(identity, path_of((*root, "deny", index)), "deny", rule)
        for index, rule in enumerate(policy.locked.deny):
            yield OwnRule(identity, path_of((*root, "locked", "deny", index)), "locked deny", rule)
        for index, one in enumerate(policy.exceptions):
            if now < one.until:
                yield OwnRule(identity, path_of((*root, "exceptions", index)), "exception", one.name)


def _lesson_rules(document: Document, now: dt.datetime) -> Iterator[OwnRule]:
    for name, segment in document.segments.items():
        for index, one in enumerate(segment.lessons):
            path = path_of(("segments", name, "lessons", index))
            if now < one.until:
                yield from (OwnRule(segment.policy, path, "exception", rule) for rule in one.names)


def wide_rules(document: Document, needed: Sequence[Needed], now: dt.datetime) -> Iterator[Diagnostic]:
    """Rules that reach further than one site and that `wide_rules` gives no reason for, refused; and reasons for rules
    that are not there."""
    protected = sorted(one.name for one in needed if one.is_always_open or one.kind == _GUARDED)
    named = set()
    for one in (*own_rules(document, now), *_lesson_rules(document, now)):
        why = _how_wide(one, protected)
        if why is None:
            continue
        named.add(one.rule.name)
        if one.rule.name not in document.wide_rules:
            remedy = f'name the sites instead, or say why: [wide_rules] "{one.rule.name}" = "..."'
            yield Diagnostic("rule-too-wide", "refused", one.path, f"{one} {why}", remedy)
    for name in sorted(set(document.wide_rules) - named):
        path = path_of(("wide_rules", name))
        yield Diagnostic("reason-without-rule", "warning", path, f"no wide rule for {name} is there", "remove it")


def _how_wide(one: OwnRule, protected: Sequence[str]) -> str | None:
    if one.rule.match == "exact":
        return None
    name = one.rule.name
    if registrable_domain(name) is None:
        return f"{'closes' if one.closes else 'opens'} every site below {name}, which is no site of its own"
    below = [needed for needed in protected if needed.endswith(f".{name}")] if one.closes else []
    return f"stands above names that must be open: {_some(below)}" if below else None


def rules_without_effect(document: Document, judge: Judge, now: dt.datetime) -> Iterator[Diagnostic]:
    """Rules that decide nothing of the names that they name, each with what decides instead. `judge` is without sealed
    lists: no warning is given of what those hold."""
    for one in own_rules(document, now):
        by = _decided_by_another(one, judge)
        if by is not None:
            yield Diagnostic("rule-without-effect", "warning", one.path, f"{one} has no effect: {by[0]}", by[1])


def _decided_by_another(one: OwnRule, judge: Judge) -> tuple[str, str] | None:
    """Why, and what to do; None where the rule decides the name, or a name below it."""
    policy = Policy(one.policy, is_allow_list_only=False)
    names = [one.rule.name]
    if one.rule.match == "suffix" and len(one.rule.name) + len(_BELOW) < _LONGEST_NAME:
        names.append(f"{_BELOW}.{one.rule.name}")
    decided = [judge.decide(policy, name) for name in names]
    # Rules of layers above speak of whole kinds; of those this one is the last word on its own name.
    if any(answer.rule == one.path for answer in decided):
        return None
    return _why(one, decided[0])


def _why(one: OwnRule, answer: Decided) -> tuple[str, str]:
    of = f" ({answer.category} of {answer.feed})" if answer.category and answer.feed else ""
    if answer.layer == "platform":
        return f"devices need {one.rule.name}, so it is always open{of}", "remove it"
    if answer.layer == "protected":
        return (
            f"help lines, health education and exams are always open{of}",
            "remove it; a lock of the trust can close it",
        )
    if answer.rule is not None and answer.rule.startswith("policies."):
        return f"{answer.rule} decides this name", "remove one of the two"
    if answer.layer == "trust-locked":
        return f"its category is locked{of}", "remove it, or unlock the category where it is locked"
    return f"{answer.layer} decides this name{of}", "remove it"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
