"""The names policies themselves speak of, as the engine reads them: an entry for each rule, with all its policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schoolgate.policy.inheritance import Effective
from schoolgate.policy.names import NameRule
from schoolgate.policy.zones import Zone

PLATFORM, LOCKED, EXCEPTIONS, OWN, CATEGORIES = 2, 3, 5, 6, 9

# A rule (name, layer, effect, where it is written), before it is known which policies share it.
Statement = tuple[NameRule, int, str, str]


def own_names(
    policies: Mapping[str, Effective], opened: Mapping[str, Iterable[tuple[NameRule, str]]]
) -> list[dict[str, Any]]:
    """Every rule once, in a fixed order. `opened`: names that a SafeSearch level opens against categories."""
    shared: dict[Statement, list[str]] = {}
    for identity, policy in policies.items():
        for statement in dict.fromkeys(_statements(policy)):
            shared.setdefault(statement, []).append(identity)
        for rule, path in opened.get(identity, ()):
            shared.setdefault((rule, CATEGORIES, "allow", path), []).append(identity)
    return [_entry(*statement, identities) for statement, identities in sorted(shared.items())]


def answered_for(zone: Zone, policies: Mapping[str, Effective]) -> list[str]:
    """The policies that a zone answers for: all but those that say "allow" of the category it keeps closed."""
    if zone.keeps is None:
        return sorted(policies)
    return sorted(identity for identity, one in policies.items() if one.categories.get(zone.keeps) != "allow")


def zone_names(zones: Iterable[Zone], policies: Mapping[str, Effective]) -> list[dict[str, Any]]:
    """Names with a fixed answer come before categories: a list of encrypted-DNS names holds Firefox's canary, and
    denied by a block page the canary would turn encrypted DNS on. An allow-list must not hide the school's own
    printers either."""
    entries = (
        _entry(NameRule(zone.name), PLATFORM, "allow", zone.rule, answered_for(zone, policies)) for zone in zones
    )
    return sorted(entries, key=lambda entry: str(entry["name"]))


def _statements(policy: Effective) -> Iterator[Statement]:
    for rule, path in policy.locked_names:
        yield rule, LOCKED, "deny", path
    for one in policy.exemptions:
        yield one.rule, EXCEPTIONS, "allow", one.path
    for rule, path in policy.denies_inside_exemptions():
        yield rule, EXCEPTIONS, "deny", path
    for rule, own in policy.own_names.items():
        yield rule, OWN, own.effect, own.path


def _entry(rule: NameRule, layer: int, effect: str, path: str, identities: list[str]) -> dict[str, Any]:
    return {
        "name": rule.name,
        "match": rule.match,
        "policies": sorted(identities),
        "layer": layer,
        "effect": effect,
        "rule": path,
    }
