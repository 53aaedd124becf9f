"""Categories of a policy chosen from lists of choices, written into the same text that a person writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schoolgate.config.problems import did_you_mean
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.policies.policy_views import NoSuchPolicy
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy import difference
from schoolgate.policy.active_policy import policy_files
from schoolgate.policy.model import Choice


@dataclass(frozen=True)
class PolicyDraft:
    """`text`: the whole policy, as it was but for the choices. `revision`: what it was made from; None before the
    first. `lines`: what changes, in the words of the policy."""

    revision: int | None
    text: str
    lines: tuple[str, ...]


@looks("policy.draft")
def draft(work: Work, policy: str | None = None, choices: dict[str, Choice] | None = None) -> PolicyDraft:
    """The policy in force with other choices for categories of one policy; comments, order and layout stay.

    "inherit" takes the policy's own rule away. Without a policy: the text as it is, also before the first revision.
    Nothing is stored. Raises `NoSuchPolicy`.
    """
    import tomlkit

    found = policy_in_force(work)
    revision = None if policy_files(work.settings).look().kind == "first" else found.number
    if policy is None:
        return PolicyDraft(revision, found.text, ())
    if policy not in found.document.policies:
        raise NoSuchPolicy(f"there is no policy {policy}; {did_you_mean(policy, found.document.policies)}")
    document: Any = tomlkit.parse(found.text)
    there = found.document.policies[policy].categories
    for category, choice in (choices or {}).items():
        if there.get(category, "inherit") != choice:
            _write(document["policies"][policy], category, choice)
    after = tomlkit.dumps(document)
    return PolicyDraft(revision, after, difference(found.text, after))


def _write(policy: Any, category: str, choice: Choice) -> None:
    import tomlkit

    if choice == "inherit":
        del policy["categories"][category]
        return
    if "categories" not in policy:
        policy["categories"] = tomlkit.table()
    policy["categories"][category] = choice
