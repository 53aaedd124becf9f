"""What a policy says once everything it inherits is taken together.

Nearer wins, with two rules that keep a school safe: what is locked above stays, and a deny also closes what ancestors
opened at or below that name, while an allow opens only the name it gives, not the denies that ancestors wrote for
names below it.
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
class OwnName:
    """What an own list says of a name, where that is written, and how far down the tree (0 is the root)."""

    effect: Effect
    path: str
    depth: int


@dataclass(frozen=True)
class Exemption:
    """An approved exception that has not ended, and where it is written."""

    rule: NameRule
    until: dt.datetime
    path: str
    depth: int


@dataclass
class Effective:
    """One policy with all that it inherits. Paths say where a rule is written, for `explain`."""

    action: Action = "nxdomain"
    block_ttl_s: int = DEFAULT_BLOCK_TTL_S
    max_ttl_s: int | None = None
    block_page: tuple[str, ...] = ()
    unknown: Effect = "allow"
    on_request: bool = False
    categories: dict[str, Effect] = field(default_factory=dict)
    locked_categories: frozenset[str] = frozenset()
    locked_names: tuple[tuple[NameRule, str], ...] = ()
    own_names: dict[NameRule, OwnName] = field(default_factory=dict)
    exemptions: list[Exemption] = field(default_factory=list)
    safesearch: dict[str, Level] = field(default_factory=dict)
    # When an exception or a temporary deny ends.
    ends: list[dt.datetime] = field(default_factory=list)

    def denies_inside_exemptions(self) -> Iterator[tuple[NameRule, str]]:
        """Denies of a policy for a part of what an ancestor's exception opened. Exceptions stand above own lists, so
        these have to be said in the layer of exceptions; not where a nearer exception opens that part again."""
        for rule, own in self.own_names.items():
            over = [one for one in self.exemptions if one.rule.covers(rule.name) or rule.covers(one.rule.name)]
            if own.effect == "deny" and over and all(one.depth < own.depth for one in over):
                yield rule, own.path


def effective(document: Document, lineage: tuple[str, ...], now: dt.datetime) -> Effective:
    """The last policy of `lineage`, without the exceptions that have ended by `now`."""
    result = Effective()
    for depth, identity in enumerate(lineage):
        _add_level(result, identity, document.policies[identity], depth, now)
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


def _add_level(result: Effective, identity: str, policy: Policy, depth: int, now: dt.datetime) -> None:
    result.action = policy.action or result.action
    result.block_ttl_s = policy.block_ttl_s or result.block_ttl_s
    result.max_ttl_s = policy.max_ttl_s or result.max_ttl_s
    result.block_page = policy.block_page or result.block_page
    result.unknown = policy.unknown or result.unknown
    result.on_request = result.on_request if policy.on_request is None else policy.on_request
    for category, choice in policy.categories.items():
        if choice != "inherit":
            result.categories[category] = choice
    result.safesearch.update(policy.safesearch)
    ending = [(index, one) for index, one in enumerate(policy.temporary_deny) if now < one.until]
    _close(result, (*policy.deny, *(one.name for _, one in ending)))
    for index, rule in enumerate(policy.allow):
        _override(result, rule, OwnName("allow", path_of(("policies", identity, "allow", index)), depth))
    # After the allows of this level: of the same name in both lists, deny wins.
    for index, rule in enumerate(policy.deny):
        _override(result, rule, OwnName("deny", path_of(("policies", identity, "deny", index)), depth))
    for index, temporary in ending:
        path = path_of(("policies", identity, "temporary_deny", index))
        _override(result, temporary.name, OwnName("deny", path, depth))
        result.ends.append(temporary.until)
    for index, one in enumerate(policy.exceptions):
        if now < one.until:
            path = path_of(("policies", identity, "exceptions", index))
            result.exemptions.append(Exemption(one.name, one.until, path, depth))
            result.ends.append(one.until)


def _close(result: Effective, denies: tuple[NameRule, ...]) -> None:
    """Takes away what ancestors opened at or below the names this level denies."""

    def closed(rule: NameRule) -> bool:
        # An exact deny closes that one name; what an ancestor opened below it stays.
        return any(deny.covers(rule.name) and (deny.match == "suffix" or rule.match == "exact") for deny in denies)

    result.own_names = {rule: own for rule, own in result.own_names.items() if own.effect == "deny" or not closed(rule)}
    result.exemptions = [one for one in result.exemptions if not closed(one.rule)]


def _override(result: Effective, rule: NameRule, own: OwnName) -> None:
    """A suffix rule speaks for the exact name too, so it replaces an ancestor's exact rule."""
    exact = NameRule(rule.name, "exact")
    if rule.match == "suffix" and exact in result.own_names and result.own_names[exact].depth < own.depth:
        del result.own_names[exact]
    result.own_names[rule] = own
