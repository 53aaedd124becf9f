"""Which categories a policy denies to somebody, whatever the hour."""

from __future__ import annotations

import datetime as dt

from schoolgate.policy.check import CheckedPolicy
from schoolgate.policy.inheritance import effective


def denied_categories(checked: CheckedPolicy, now: dt.datetime) -> frozenset[str]:
    """Ids, of all policies that a segment, a schedule or `strictest` names."""
    document = checked.document
    used = {document.strictest}
    for segment in document.segments.values():
        used |= segment.every_policy
    return frozenset(
        category
        for identity in used
        for category, effect in effective(document, checked.lineages[identity], now).categories.items()
        if effect == "deny"
    )
