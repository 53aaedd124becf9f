"""Locks: what a policy above has closed stays closed below. A descendant may tighten and never loosen.

The engine would ignore most loosening anyway, because locked denies stand above all own rules. It is refused all the
same: a rule that silently does nothing is how a school comes to believe that something is open, or closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from schoolgate.config.problems import Problem, path_of
from schoolgate.policy.model import Document, Policy
from schoolgate.policy.names import NameRule
from schoolgate.policy.safesearch import Level


@dataclass
class Locks:
    """All locks that bind a policy, each with the path of the lock."""

    categories: dict[str, str] = field(default_factory=dict)
    deny: list[tuple[NameRule, str]] = field(default_factory=list)
    safesearch: dict[str, tuple[Level, str]] = field(default_factory=dict)
    unknown: str | None = None

    def add(self, identity: str, policy: Policy) -> None:
        """The locks of one more policy on the way down. The first to lock is the one that is named."""
        root = ("policies", identity, "locked")
        for category in policy.locked.categories:
            self.categories.setdefault(category, path_of((*root, "categories", category)))
        for index, rule in enumerate(policy.locked.deny):
            self.deny.append((rule, path_of((*root, "deny", index))))
        for engine, level in policy.locked.safesearch.items():
            if engine not in self.safesearch or level > self.safesearch[engine][0]:
                self.safesearch[engine] = (level, path_of((*root, "safesearch", engine)))
        if policy.locked.unknown is not None and self.unknown is None:
            self.unknown = path_of((*root, "unknown"))

    def closing(self, name: str) -> tuple[NameRule, str] | None:
        """The first lock that denies `name`."""
        return next((lock for lock in self.deny if lock[0].covers(name)), None)


def locks_on(document: Document, lineage: tuple[str, ...]) -> Locks:
    """The locks that bind the last policy of `lineage`: its ancestors' and its own."""
    locks = Locks()
    for identity in lineage:
        locks.add(identity, document.policies[identity])
    return locks


def loosenings(document: Document, lineages: dict[str, tuple[str, ...]], file: str) -> Iterator[Problem]:
    """Every place where a policy opens what it or an ancestor has locked."""
    for identity, lineage in lineages.items():
        policy = document.policies[identity]
        locks = locks_on(document, lineage)
        for steps, what, lock in _loosened(policy, locks):
            path = path_of(("policies", identity, *steps))
            keeper = lock.split(".locked")[0]
            yield Problem(file, path, f"{what} loosens {lock}", f"remove it, or have it unlocked in {keeper}")


Loosened = tuple[tuple[str | int, ...], str, str]


def _loosened(policy: Policy, locks: Locks) -> Iterator[Loosened]:
    for category, choice in policy.categories.items():
        if choice == "allow" and category in locks.categories:
            yield ("categories", category), '"allow"', locks.categories[category]
    if policy.unknown == "allow" and locks.unknown is not None:
        yield ("unknown",), '"allow"', locks.unknown
    yield from _loosened_names(policy, locks)
    yield from _loosened_levels(policy, locks)


def _loosened_names(policy: Policy, locks: Locks) -> Iterator[Loosened]:
    entries: list[tuple[tuple[str | int, ...], NameRule]] = [
        (("allow", index), rule) for index, rule in enumerate(policy.allow)
    ]
    entries += [(("exceptions", index, "name"), one.name) for index, one in enumerate(policy.exceptions)]
    for steps, rule in entries:
        lock = locks.closing(rule.name)
        if lock is not None:
            yield steps, f"opening {rule}", lock[1]


def _loosened_levels(policy: Policy, locks: Locks) -> Iterator[Loosened]:
    places = ((("safesearch",), policy.safesearch), (("locked", "safesearch"), policy.locked.safesearch))
    for root, levels in places:
        for engine, level in levels.items():
            lock = locks.safesearch.get(engine)
            if lock is not None and level < lock[0]:
                yield (*root, engine), level.word, f"{lock[1]} ({lock[0].word})"
