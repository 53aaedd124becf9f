"""Whether what a request wrote is still in the policy, and how it is taken out before its time."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from schoolgate.governance.change_request import ChangeRequest
from schoolgate.operations.governance.request_drafting import ready
from schoolgate.operations.policies.policies import StalePolicy, applied, change_text, examined, ground_of
from schoolgate.operations.work import Work
from schoolgate.policy.quick_change import ENDING

TRIES = 3


def is_in_policy(text: str, number: int, fields: ChangeRequest) -> bool:
    """Whether an entry of the text is of this request. One that was made by hand, or wrote nothing, counts as there."""
    done = fields.applied
    if fields.action == "other" or done is None or done.before == done.after:
        return True
    return any(_entries(tomllib.loads(text).get("policies", {}), number, fields))


def end_in_policy(work: Work, number: int, fields: ChangeRequest, reason: str) -> int:
    """Takes its entries out. Returns the revision: the latest one where there was none of them any more."""
    for left in reversed(range(TRIES)):
        try:
            return _taken_out(work, number, fields, reason)
        except StalePolicy:
            if not left:
                raise
    raise AssertionError("unreachable")


def _taken_out(work: Work, number: int, fields: ChangeRequest, reason: str) -> int:
    import tomlkit

    there = ready(work)
    document: Any = tomlkit.parse(there.text)
    found = list(_entries(document["policies"], number, fields)) if fields.action != "other" else []
    for policy, key, index in reversed(found):
        rows = document["policies"][policy][key]
        del rows[index]
        if not rows:
            del document["policies"][policy][key]
    if not found:
        return there.before
    _, ground = ground_of(work)
    after = tomlkit.dumps(document)
    examined(work, ground, after, "the changed policy").refuse()
    why = f"request {number} ends: {' '.join(reason.split())}"[:900]
    return applied(work, change_text(work, ground, after, "the changed policy", why, follows=there.before)).revision


def _entries(policies: Mapping[str, Any], number: int, fields: ChangeRequest) -> Iterator[tuple[str, str, int]]:
    """(policy, key, index), in the order of the text."""
    begins = f"request {number}: "
    for identity, policy in policies.items():
        for key in ENDING:
            for index, one in enumerate(policy.get(key, ())):
                if str(one.get("reason", "")).startswith(begins):
                    yield identity, key, index
        if fields.action == "close" and fields.until_us is None:
            for index, one in enumerate(policy.get("deny", ())):
                if str(one) in fields.names:
                    yield identity, "deny", index
