"""Rules of alerts that can never speak, though every word in them is known: `check` and `policy apply` refuse them.

A start never does: a server with such a rule in force answers DNS, and `check` says what is wrong with the rule.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from schoolgate.config import Settings
from schoolgate.config.problems import Problem, did_you_mean, path_of
from schoolgate.policy.catalogue import Catalogue
from schoolgate.policy.check import CheckedPolicy
from schoolgate.policy.inheritance import Effective, effective
from schoolgate.policy.model import Document
from schoolgate.policy.monitoring import DENIED_BY_LAYER, AlertRule
from schoolgate.policy.times import LONG_AGO

_WEBHOOK = "webhook:"
_BY_LAYER = {detector: layer for layer, detector in DENIED_BY_LAYER.items()}


def mute_rules(checked: CheckedPolicy, catalogue: Catalogue, settings: Settings) -> tuple[Problem, ...]:
    """Each rule, pattern or recipient that nothing can ever come of, with what to do."""
    document = checked.document
    policies = {identity: effective(document, lineage, LONG_AGO) for identity, lineage in checked.lineages.items()}
    found: list[Problem] = []
    for identity, rule in document.alerts.items():
        at = ("alerts", identity)
        found += (
            Problem(checked.file, path_of((*at, *path)), *told)
            for path, told in _mute(rule, document, policies, catalogue)
        )
        for key, recipients in (("to", rule.to), ("escalate_to", rule.escalate_to)):
            found += _unreachable(checked.file, (*at, key), recipients, settings)
    return (*found, *_unreachable(checked.file, ("digest", "to"), document.digest.to, settings))


Told = tuple[str, str]


def _mute(
    rule: AlertRule, document: Document, policies: dict[str, Effective], catalogue: Catalogue
) -> Iterator[tuple[tuple[str | int, ...], Told]]:
    segments = [one for one in ("", *document.segments) if _fits(rule.segments, one)]
    recorded = [one for one in segments if not one or document.segments[one].log != "counts-only"]
    if segments and not recorded:
        yield (
            ("segments",),
            ('can never speak: these segments have log = "counts-only"', 'write log = "denied-only", or "full"'),
        )
        return
    used = [policies[one] for one in _policies_of(recorded, document)]
    for index, pattern in enumerate(rule.categories):
        if told := _mute_category(pattern, rule, document, used, catalogue):
            yield ("categories", index), told
    for index, pattern in enumerate(rule.detectors):
        layer = _BY_LAYER.get(pattern)
        if layer is not None and not any(_denies_by(layer, one) for one in used):
            yield (
                ("detectors", index),
                (
                    f"{pattern} can never speak: no policy of these segments denies anything so",
                    "add such a rule to the policy, or remove this",
                ),
            )


def _mute_category(
    pattern: str, rule: AlertRule, document: Document, used: list[Effective], catalogue: Catalogue
) -> Told | None:
    """Why nothing can come of a pattern; None where something can, or where it matches nothing (told elsewhere)."""
    rows = [row for row in catalogue.categories.values() if fnmatch.fnmatchcase(row.id, pattern)]
    if not rows or any(row.id.startswith("service:") for row in rows):  # a first use is a finding without a denial
        return None
    rows = [row for row in rows if row.role not in ("platform", "protected")]
    if not rows:
        return f"{pattern} can never speak: it is always open, and nothing watches who looks there", "remove it"
    noise = document.monitoring.noise.categories
    heard = [row for row in rows if not any(fnmatch.fnmatchcase(row.id, one) for one in noise)]
    if not heard:
        return f"{pattern} can never speak: it is taken away as noise", "take it out of monitoring.noise.categories"
    denied = [row for row in heard if any(one.categories.get(row.id) == "deny" for one in used)]
    if not denied:
        return (
            f"{pattern} can never speak: no policy of these segments denies it",
            f'write {heard[0].id} = "deny" in the policy, or remove it here',
        )
    if rule.least == "urgent" and all(row.alert != "urgent" for row in denied):
        return f'{pattern} can never speak: it is never urgent, and least = "urgent"', 'write least = "notice"'
    if rule.least == "warning" and all(row.alert == "none" for row in denied):
        return f'{pattern} can never speak: it is a notice, and least = "warning"', 'write least = "notice"'
    return None


def _policies_of(segments: list[str], document: Document) -> list[str]:
    """Every policy that clients of these segments ever have; "" is a client of no segment."""
    found = [document.strictest] if "" in segments else []
    for one in segments:
        if one:
            segment = document.segments[one]
            found += sorted(segment.every_policy)
    return list(dict.fromkeys(found))


def _denies_by(layer: str, policy: Effective) -> bool:
    if layer == "own-list":
        return any(own.effect == "deny" for own in policy.own_names.values())
    return bool(policy.locked_names) if layer == "trust-locked" else policy.unknown == "deny"


def _fits(patterns: tuple[str, ...], word: str) -> bool:
    return any(fnmatch.fnmatchcase(word, pattern) for pattern in patterns)


def _unreachable(file: str, at: tuple[str, ...], recipients: tuple[str, ...], settings: Settings) -> Iterator[Problem]:
    for index, recipient in enumerate(recipients):
        path = path_of((*at, index))
        if recipient.startswith(_WEBHOOK):
            name = recipient.removeprefix(_WEBHOOK)
            if name not in settings.webhooks:
                remedy = (
                    did_you_mean(name, settings.webhooks) if settings.webhooks else f"write [webhooks.{name}] there"
                )
                yield Problem(file, path, f"no webhook {name} is in the settings", remedy)
        elif not settings.mail.host:
            yield Problem(file, path, "no mail server is in the settings", 'write [mail] with host = "..." there')
