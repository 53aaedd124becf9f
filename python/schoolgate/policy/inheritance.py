"""What a policy says once everything it inherits is taken together.

Nearer wins, with two rules that keep a school safe: what is locked above stays, and a deny also closes what ancestors opened
at or below that name, while an allow opens only the name it gives, not the denies that ancestors wrote for names below it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from schoolgate.config.problems import path_of
from schoolgate.policy.locks import locks_on
from schoolgate.policy.model import DEFAULT_BLOCK_TTL_S, Action, Document, Effect, Policy
from schoolgate.policy.names import NameRule
from schoolgate.policy.safesearch import Level


@dataclass(frozen=True)
class Exemption:
    """An approved exception that has not ended, and where it is written."""

    rule: NameRule
    until: dt.datetime
    path: str


@dataclass
class Effective:
    """One policy with all that it inherits. Paths say where a rule is written, for `explain`."""

    action: Action = "nxdomain"
    block_ttl_s: int = DEFAULT_BLOCK_TTL_S
    block_page: tuple[str, ...] = ()
    unknown: Effect = "allow"
    categories: dict[str, Effect] = field(default_factory=dict)
    locked_categories: frozenset[str] = frozenset()
    locked_names: tuple[tuple[NameRule, str], ...] = ()
    own_names: dict[NameRule, tuple[Effect, str]] = field(default_factory=dict)
    exemptions: list[Exemption] = field(default_factory=list)
    safesearch: dict[str, Level] = field(default_factory=dict)


def effective(document: Document, lineage: tuple[str, ...], now: dt.datetime) -> Effective:
    """The last policy of `lineage`, without the exceptions that have ended by `now`."""
    result = Effective()
    for identity in lineage:
        _add_level(result, identity, document.policies[identity], now)
    locks = locks_on(document, lineage)
    result.locked_categories = frozenset(locks.categories)
    result.locked_names = tuple(locks.deny)
    for category in locks.categories:
        result.categories[category] = "deny"
    for engine, (level, _) in locks.safesearch.items():
        result.safesearch[engine] = max(level, result.safesearch.get(engine, Level.OFF))
    if locks.unknown is not None:
        result.unknown = "deny"
    return result


def _add_level(result: Effective, identity: str, policy: Policy, now: dt.datetime) -> None:
    result.action = policy.action or result.action
    result.block_ttl_s = policy.block_ttl_s or result.block_ttl_s
    result.block_page = policy.block_page or result.block_page
    result.unknown = policy.unknown or result.unknown
    for category, choice in policy.categories.items():
        if choice != "inherit":
            result.categories[category] = choice
    result.safesearch.update(policy.safesearch)
    _add_names(result, identity, policy)
    result.exemptions += _running(identity, policy, now)


def _add_names(result: Effective, identity: str, policy: Policy) -> None:
    for index, rule in enumerate(policy.allow):
        _override(result, rule, "allow", path_of(("policies", identity, "allow", index)))
    # After the allows of this level: of the same name in both lists, deny wins.
    inherited = dict(result.own_names)
    for index, rule in enumerate(policy.deny):
        path = path_of(("policies", identity, "deny", index))
        _close_below(result, rule, inherited, path_of(("policies", identity)))
        _override(result, rule, "deny", path)


def _override(result: Effective, rule: NameRule, effect: Effect, path: str) -> None:
    """A suffix rule speaks for the exact name too, so it replaces an ancestor's exact rule."""
    if rule.match == "suffix":
        result.own_names.pop(NameRule(rule.name, "exact"), None)
    result.own_names[rule] = (effect, path)


def _close_below(
    result: Effective, closed: NameRule, inherited: dict[NameRule, tuple[Effect, str]], here: str
) -> None:
    """A deny at this level also closes what ancestors opened at or below the name; this level's own allows stay."""
    for rule, (effect, path) in inherited.items():
        if effect == "allow" and closed.covers(rule.name) and not path.startswith(here + "."):
            result.own_names.pop(rule, None)
    result.exemptions = [one for one in result.exemptions if not closed.covers(one.rule.name)]


def _running(identity: str, policy: Policy, now: dt.datetime) -> Iterator[Exemption]:
    for index, one in enumerate(policy.exceptions):
        if now < one.until:
            yield Exemption(one.name, one.until, path_of(("policies", identity, "exceptions", index)))
