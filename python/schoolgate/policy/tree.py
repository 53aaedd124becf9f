"""The tree that policies form by `extends`: trust, school, age group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schoolgate.config.problems import Problem, did_you_mean, path_of
from schoolgate.policy.model import Document, Policy


def lineages(document: Document) -> dict[str, tuple[str, ...]]:
    """For each policy its ids from the root down to itself; policies below a cycle or an unknown parent have none."""
    known: dict[str, tuple[str, ...]] = {}
    for identity in document.policies:
        upwards = tuple(_upwards(document.policies, identity))
        top = document.policies[upwards[-1]].extends
        if top is None:
            known[identity] = upwards[::-1]
    return known


def _upwards(policies: Mapping[str, Policy], identity: str) -> Iterator[str]:
    """The policy and its ancestors, ending before a step that leads nowhere or back."""
    seen: set[str] = set()
    here: str | None = identity
    while here is not None and here in policies and here not in seen:
        seen.add(here)
        yield here
        here = policies[here].extends


def tree_problems(document: Document, file: str) -> Iterator[Problem]:
    """Unknown parents, and each cycle once."""
    reported: set[str] = set()
    for identity, policy in document.policies.items():
        path = path_of(("policies", identity, "extends"))
        if policy.extends is None:
            continue
        if policy.extends not in document.policies:
            others = set(document.policies) - {identity}
            yield Problem(file, path, f"there is no policy {policy.extends}", did_you_mean(policy.extends, others))
            continue
        upwards = tuple(_upwards(document.policies, identity))
        if document.policies[upwards[-1]].extends == identity and identity not in reported:
            reported.update(upwards)
            circle = " -> ".join((*upwards, identity))
            yield Problem(file, path, f"extends itself: {circle}", "let one of them extend nothing")
