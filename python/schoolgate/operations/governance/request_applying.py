"""An approved request becomes a revision of the policy, and is verified by explain.

The decision is on record before the policy is changed, and the change is put on record after it. A process that ends
in between leaves an approved request, which the next look of `request.keep_up` finishes: by the revision that names
the request where there is one, else by making it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from schoolgate.errors import SchoolgateError
from schoolgate.governance import record_store
from schoolgate.governance.change_request import Applied, ChangeRequest, Problem, State
from schoolgate.governance.record_store import Record
from schoolgate.governance.request_people import People, people
from schoolgate.operations.actor import Actor, local_name
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.governance.request_drafting import drafted, reason_of
from schoolgate.operations.governance.request_verifying import verify
from schoolgate.operations.policies.policies import (
    PolicyApplied,
    StalePolicy,
    applied,
    change_text,
    examined,
    ground_of,
)
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import latest_revision, policy_files

# Another change of the policy may come between reading and writing it.
TRIES = 3
# Of who applies a policy, which names the approver.
LONGEST_WHO = 150


@dataclass(frozen=True)
class Made:
    """Revisions before and after the change; the same where nothing had to be written."""

    before: int
    after: int


async def apply_now(work: Work, found: Record[ChangeRequest]) -> Record[ChangeRequest]:
    """Puts an approved request in force, unless it starts later. What forbids it is kept with it, and said."""
    if found.fields.action == "other" or (found.fields.starts_us or 0) > work.now_us:
        return found
    store = await work.store()
    async with steps.turn():
        async with store.reading() as connection:
            newest = await record_store.get(connection, store.site_id, ChangeRequest, found.number)
            known = await people(connection, store.site_id, work.settings.accounts.school)
        # Another may have finished it meanwhile.
        return await _apply(work, known, newest) if newest.state == State.approved else newest


async def _apply(work: Work, known: People, found: Record[ChangeRequest]) -> Record[ChangeRequest]:
    fields = found.fields
    by = fields.decision.by if fields.decision is not None else work.actor.id
    account = known.accounts.get(by)
    name = (account.display_name if account is not None else local_name(by) or work.actor.name)[:LONGEST_WHO]
    # The revision names who approved it, also where the control process finishes it later.
    acting = replace(work, caller=replace(work.caller, actor=Actor(by, name, work.actor.roles)))
    try:
        made = await asyncio.to_thread(_make, acting, found.number, fields)
    except SchoolgateError as error:
        return await _not_applied(work, known, found, str(error))
    verified = await asyncio.to_thread(verify, work, fields)
    done = Applied(by=work.actor.id, at_us=work.now_us, before=made.before, after=made.after, verified=verified)
    fields = fields.changed(applied=done, problem=None)
    whom = steps.whom_to_notify(known, fields, "applied", work.actor.id)
    note = f"revision {made.after}" + ("" if all(one.is_as_wanted for one in verified) else "; explain disagrees")
    store = await work.store()
    async with store.change() as change:
        after = fields.stepped(steps.step(work, "applied", note, whom))
        result = await steps.wrote(
            work, change, found, after, "request.applied", State.applied, before=made.before, after=made.after
        )
    await steps.tell(work, known, result, "applied", whom)
    return result


async def _not_applied(work: Work, known: People, found: Record[ChangeRequest], why: str) -> Record[ChangeRequest]:
    """Keeps why; once for each revision of the policy, so that a job that tries again writes no flood."""
    number = await asyncio.to_thread(latest_number, work)
    fields = found.fields
    if fields.problem is not None and (fields.problem.said, fields.problem.revision) == (why, number):
        return found
    fields = fields.changed(problem=Problem(at_us=work.now_us, revision=number, said=why))
    whom = steps.whom_to_notify(known, fields, "not applied", work.actor.id)
    store = await work.store()
    async with store.change() as change:
        after = fields.stepped(steps.step(work, "not applied", why, whom))
        made = await steps.wrote(work, change, found, after, "request.not_applied")
    await steps.tell(work, known, made, "not applied", whom)
    return made


def latest_number(work: Work) -> int:
    """The latest revision of the policy; 0 before the first."""
    latest = latest_revision(policy_files(work.settings).look())
    return latest.number if latest is not None else 0


def _make(work: Work, number: int, fields: ChangeRequest) -> Made:
    """The revision, or the one that was made before the process ended. Raises what forbids it."""
    done = _made_before(work, number, fields)
    if done is not None:
        return done
    for left in reversed(range(TRIES)):
        try:
            return _written(work, number, fields)
        except StalePolicy:
            if not left:
                raise
    raise AssertionError("unreachable")


def _written(work: Work, number: int, fields: ChangeRequest) -> Made:
    _, ground = ground_of(work)
    reason = reason_of(number, fields)
    draft = drafted(work, fields, reason, work.actor.name)
    if draft.after == draft.text:
        return Made(draft.before, draft.before)
    examined(work, ground, draft.after, "the changed policy").refuse()
    change = change_text(work, ground, draft.after, "the changed policy", reason, follows=draft.before)
    made: PolicyApplied = applied(work, change)
    return Made(draft.before, made.revision)


def _made_before(work: Work, number: int, fields: ChangeRequest) -> Made | None:
    """By the reason of a revision that is newer than the decision."""
    since = fields.decision.revision if fields.decision is not None else 0
    reason = reason_of(number, fields)
    for one in policy_files(work.settings).store.log():
        if one.number > since and one.why == reason:
            return Made(one.number - 1, one.number)
    return None
