"""Whether the strictest policy is one: a device that no segment names gets it, and must find nothing open that another
policy closes.

Kinds of site are compared by what the engine was given for each policy; names that a policy speaks of by itself, such
as those of a service or a search engine, by what it decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schoolgate.checks.deciding import Decided, Judge, Policy
from schoolgate.config.diagnostics import Diagnostic, Severity
from schoolgate.lists.services import Service
from schoolgate.policy import Catalogue
from schoolgate.policy.active_policy import ActivePolicy

REASON = "strictest_may_be_looser"
_LOCKED = 3
_SERVICE = "service:"
# What a name opened by the strictest policy may be closed by elsewhere; other layers are compared by themselves.
_BROAD = frozenset({"threat", "circumvention", "category"})
_OWN = frozenset({"own-list", "exception", "trust-locked"})
_MODE = {"strict": 2, "moderate": 1}


@dataclass(frozen=True)
class Against:
    """Another document, as the engine decides by it. `document`: what it was compiled to."""

    document: dict[str, Any]
    judge: Judge


@dataclass(frozen=True)
class Comparison:
    """One policy document, as the engine decides by it, and what else there is to compare it by. `subject`: the policy
    that must open nothing; None for the strictest. `against`: where the others are of another document."""

    active: ActivePolicy
    judge: Judge
    catalogue: Catalogue
    services: Mapping[str, Service]
    subject: str | None = None
    against: Against | None = None

    @property
    def strictest(self) -> str:
        return self.subject or self.active.as_read.document.strictest

    def decide(self, policy: str, name: str) -> Decided:
        return self.judge.decide(Policy(policy, is_allow_list_only=False), name)

    def decide_other(self, policy: str, name: str) -> Decided:
        """The same of a policy that is compared with the subject."""
        judge = self.against.judge if self.against is not None else self.judge
        return judge.decide(Policy(policy, is_allow_list_only=False), name)


def looser(with_what: Comparison) -> tuple[Diagnostic, ...]:
    """Each difference once, with all the policies that are stricter. Refused, but where the document says why; what
    only the school's own lists say of single names is a warning."""
    document = orjson.loads(with_what.active.compiled.description)
    policies: dict[str, dict[str, Any]] = {one["id"]: one for one in document["policies"]}
    found: dict[tuple[str, str, str, str], list[str]] = {}
    written = with_what.active.as_read.document
    only_tighten = written.exam_policies | written.group_policies
    for other in policies:
        if other != with_what.strictest and other not in only_tighten:
            for key in _differences(with_what, document, document, other):
                found.setdefault(key, []).append(other)
    reason = written.strictest_may_be_looser
    return tuple(
        _diagnostic(kind, subject, clause, remedy, others, with_what.strictest, reason)
        for (kind, subject, clause, remedy), others in sorted(found.items())
    )


def _diagnostic(
    kind: str, subject: str, clause: str, remedy: str, others: list[str], strictest: str, reason: str | None
) -> Diagnostic:
    severity: Severity = "warning" if kind == "own-name" or reason is not None else "refused"
    who = f"{', '.join(others[:3])} and {len(others) - 3} more" if len(others) > 3 else " and ".join(others)
    sentence = f"{clause} under {who}, and not under {strictest}, the strictest"
    if kind != "own-name":
        remedy += f', or say why it may be looser: {REASON} = "..."' if reason is None else f'; allowed: "{reason}"'
    return Diagnostic(f"strictest-{kind}", severity, subject, sentence, remedy)


Key = tuple[str, str, str, str]


def differences(with_what: Comparison, other: str) -> Iterator[Key]:
    """What the subject opens, and another policy closes: kind, subject, clause and remedy of each."""
    document = orjson.loads(with_what.active.compiled.description)
    there = with_what.against.document if with_what.against is not None else document
    yield from _differences(with_what, document, there, other)


def _differences(with_what: Comparison, document: dict[str, Any], there: dict[str, Any], other: str) -> Iterator[Key]:
    """`document` has the subject, `there` has the other policy."""
    mine, theirs = _policy(document, with_what.strictest), _policy(there, other)
    if theirs["unknown"] == "deny" and mine["unknown"] != "deny":
        yield "unknown", "unknown", "names that no list knows are denied", 'write unknown = "deny" there'
    yield from _kinds(with_what, mine, theirs)
    yield from _safe_modes(with_what, frozenset(theirs["rewrites"]), other)
    answered = {zone["zone"] for zone in document["zones"] if _answers(zone, with_what.strictest)}
    for zone in there["zones"]:
        if _answers(zone, other) and zone["zone"] not in answered:
            yield "canary", zone["zone"], f"the canary {zone['zone']} is answered", "do not allow its category there"
    yield from _opened(with_what, mine, other)
    yield from _own_names(with_what, document, there, other)


def _policy(document: dict[str, Any], identity: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["policies"] if one["id"] == identity)
    return found


def _answers(zone: dict[str, Any], policy: str) -> bool:
    return "policies" not in zone or policy in zone["policies"]


def _kinds(with_what: Comparison, mine: dict[str, Any], theirs: dict[str, Any]) -> Iterator[Key]:
    for category, rule in theirs["categories"].items():
        here = mine["categories"].get(category)
        if rule["effect"] != "deny":
            continue
        if here is None or here["effect"] != "deny":
            if not _is_closed(with_what, category):
                yield "category", category, f"{category} is denied", f'write "{category}" = "deny" there'
        elif rule["layer"] == _LOCKED and here["layer"] != _LOCKED:
            remedy = f'lock "{category}" there, or in a policy that it extends'
            yield "lock", category, f"{category} is locked", remedy


def _is_closed(with_what: Comparison, category: str) -> bool:
    """Whether all names of a service are closed under the strictest policy by something else."""
    service = with_what.services.get(category.removeprefix(_SERVICE)) if category.startswith(_SERVICE) else None
    return service is not None and not any(
        with_what.decide(with_what.strictest, name).is_open for name in service.domains
    )


def _safe_modes(with_what: Comparison, rewrites: frozenset[str], other: str) -> Iterator[Key]:
    """A name that leads to a safe mode elsewhere is closed here, or leads to one at least as strict."""
    told = set()
    for engine in (one for one in with_what.catalogue.engines.values() if one.id in rewrites):
        word = _engine(engine.id)
        for name in engine.names:
            there = with_what.decide_other(other, name)
            if word in told or there.rewrite != engine.id:
                continue
            here = with_what.decide(with_what.strictest, name)
            if here.is_open and _strictness(here.rewrite) < _strictness(engine.id):
                told.add(word)
                level = "strict" if _strictness(engine.id) == _MODE["strict"] else "moderate"
                yield (
                    "safesearch",
                    word,
                    f"{word} is locked to {level}",
                    f'write safesearch = {{ {word} = "{level}" }} there',
                )


def _engine(rewrite: str) -> str:
    return rewrite.removesuffix("-moderate").removesuffix("-strict")


def _strictness(rewrite: str | None) -> int:
    """An engine without levels has one mode, its strict one."""
    if rewrite is None:
        return 0
    return _MODE["moderate"] if rewrite.endswith("-moderate") else _MODE["strict"]


def _opened(with_what: Comparison, mine: dict[str, Any], other: str) -> Iterator[Key]:
    """Names that a level or a service's switch opens against categories that both deny; one name of each."""
    told = set()
    for subject, name in _openings(with_what, mine):
        there = with_what.decide_other(other, name)
        if subject in told or there.is_open or there.layer not in _BROAD:
            continue
        is_denied_here_too = mine["categories"].get(there.category, {"effect": None})["effect"] == "deny"
        if is_denied_here_too and with_what.decide(with_what.strictest, name).is_open:
            told.add(subject)
            remedy = f"{subject} opens it there: switch that off there, or on in both"
            yield "opening", subject, f"{name} is closed as {there.category}", remedy


def _openings(with_what: Comparison, mine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What opens, and a name."""
    rewrites = set(mine["rewrites"])
    for engine in with_what.catalogue.engines.values():
        if engine.id in rewrites:
            yield from ((f"safesearch.{_engine(engine.id)}", name) for name in (*engine.names, engine.target))
    for category, rule in mine["categories"].items():
        if category.startswith(_SERVICE) and rule["effect"] == "allow":
            service = with_what.services.get(category.removeprefix(_SERVICE))
            yield from ((category, name) for name in (service.domains if service is not None else ()))


def _own_names(with_what: Comparison, document: dict[str, Any], there: dict[str, Any], other: str) -> Iterator[Key]:
    """Names of the school's own lists: those that the other policy denies, or the strictest one allows."""
    said = {one["name"] for one in own_rules(there, "deny", other)}
    said |= {one["name"] for one in own_rules(document, "allow", with_what.strictest)}
    for name in sorted(said):
        elsewhere = with_what.decide_other(other, name)
        here = with_what.decide(with_what.strictest, name)
        if here.is_open and not elsewhere.is_open and (elsewhere.layer in _OWN or here.layer in _OWN):
            remedy = "say it in a policy that both extend, if unknown devices are meant too"
            yield "own-name", name, f"{name} is denied", remedy


def own_rules(document: dict[str, Any], effect: str, policy: str) -> Iterator[dict[str, Any]]:
    """Rules that the document itself has for a policy, or for a lesson."""
    for entry in document["names"]:
        if (
            entry["effect"] == effect
            and policy in entry["policies"]
            and str(entry["rule"]).startswith(("policies.", "segments."))
        ):
            yield entry
