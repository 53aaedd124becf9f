"""Whether what a request wrote is still in the policy, and how it is taken out before its time."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from schoolgate.governance.change_request import ChangeRequest
from schoolgate.operations.governance.request_drafting import ready
from schoolgate.operations.policies.policies import StalePolicy, applied, change_text, examined, ground_of
from schoolgate.operations.work import Work
from schoolgate.policy import NoSuchRevision
from schoolgate.policy.active_policy import policy_files
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
    written = _closed_by(work, fields)
    found = list(_entries(document["policies"], number, fields, written)) if fields.action != "other" else []
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


def _closed_by(work: Work, fields: ChangeRequest) -> frozenset[tuple[str, str]]:
    """(policy, name) of what a request closed for good: such a line bears no reason, so it is known by the revision
    that wrote it. What was closed before, or by another change, stays closed."""
    done = fields.applied
    if done is None or done.before == done.after:
        return frozenset()
    store = policy_files(work.settings).store
    try:
        before = _denied(store.show(done.before).text) if done.before else frozenset()
        return _denied(store.show(done.after).text) - before
    except NoSuchRevision:
        return frozenset()


def _denied(text: str) -> frozenset[tuple[str, str]]:
    policies = tomllib.loads(text).get("policies", {})
    return frozenset((identity, str(one)) for identity, policy in policies.items() for one in policy.get("deny", ()))


def _entries(
    policies: Mapping[str, Any], number: int, fields: ChangeRequest, written: Collection[tuple[str, str]] | None = None
) -> Iterator[tuple[str, str, int]]:
    """(policy, key, index), in the order of the text. `written`: what it closed for good; None: not looked at."""
    begins = f"request {number}: "
    for identity, policy in policies.items():
        for key in ENDING:
            for index, one in enumerate(policy.get(key, ())):
                if str(one.get("reason", "")).startswith(begins):
                    yield identity, key, index
        if fields.action == "close" and fields.until_us is None:
            for index, one in enumerate(policy.get("deny", ())):
                is_its = written is None or (identity, str(one)) in written
                if is_its and str(one) in fields.names:
                    yield identity, "deny", index
