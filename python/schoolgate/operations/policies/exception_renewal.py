"""An exception that goes on: a new end, with the reason and the name of the person who renews it."""

from __future__ import annotations

from typing import Annotated, Any

from schoolgate.operations.policies.exceptions import NoSuchException
from schoolgate.operations.policies.policies import PolicyApplied, applied, change_text, examined, ground_of
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.policies.quick_policy import NotClear, end_of, refuse_endless
from schoolgate.operations.registry import Personal, changes
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import latest_revision, policy_files


@changes("exceptions.renew")
def renew(
    work: Work,
    name: str,
    policy: str,
    reason: Annotated[str, Personal],
    until: str | None = None,
    lasts: str | None = None,
) -> PolicyApplied:
    """Keeps a name open that an exception of a policy opened, also one that has ended, until another time.

    Raises `NoSuchException`, `NotClear`.
    """
    import tomlkit

    refuse_endless(until, lasts)
    if not reason.strip():
        raise NotClear("give the reason, with --reason")
    settings, ground = ground_of(work)
    before = latest_revision(policy_files(settings).look())
    found = policy_in_force(work)
    end = end_of(until, lasts, work.now, found.zone)
    there = found.document.policies.get(policy)
    written = there.exceptions if there is not None else ()
    at = [index for index, one in enumerate(written) if str(one.name) == name.strip()]
    if not at:
        raise NoSuchException(f"{name} is open by no entry of policy {policy}; see what is with exceptions.list")
    document: Any = tomlkit.parse(found.text)
    # The last of several for one name goes on; the others end when they end.
    entry = document["policies"][policy]["exceptions"][at[-1]]
    entry["until"], entry["reason"], entry["approved_by"] = end, reason.strip(), work.actor.name
    after = tomlkit.dumps(document)
    examined(work, ground, after, "the changed policy").refuse()
    follows = before.number if before is not None else 0
    return applied(work, change_text(work, ground, after, "the changed policy", reason.strip(), follows=follows))
