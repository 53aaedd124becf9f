"""What is decided of a change request: by another person than those who asked, and never by their second role."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from schoolgate.accounts.account_list import account_id_of
from schoolgate.governance import record_store
from schoolgate.governance.change_request import Applied, ChangeRequest, Decision, Noted, State
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Record
from schoolgate.governance.request_people import People, people, refuse_decider
from schoolgate.operations import openings, rights
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.governance.check_drift import agree, look
from schoolgate.operations.governance.request_alone import REPORTED, is_alone, refuse_unreported, report
from schoolgate.operations.governance.request_applying import apply_now, latest_number
from schoolgate.operations.governance.request_ending import end_in_policy
from schoolgate.operations.governance.request_filing import Moment, Prose
from schoolgate.operations.governance.request_results import RequestChanged
from schoolgate.operations.governance.shown_effects import shown_to
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.policies.quick_policy import end_of
from schoolgate.operations.registry import records
from schoolgate.operations.work import Work

# Of a person who withdraws.
LONGEST_REASON = 500
# Of how a change was made by hand, with the parts of the setup that it changed.
LONGEST_SAID = 5_000
Version = Annotated[int, Field(ge=1)]


@records("request.decide")
async def decide(
    work: Work,
    number: int,
    version: Version,
    decision: Literal["approve", "refuse"],
    reason: Prose = "",
    conditions: Prose = "",
    until: Moment | None = None,
    review: Moment | None = None,
) -> RequestChanged:
    """Approves or refuses a request that another person filed. An approved one is in force at once.

    Where `[operations] one_person_decides` is on, an asker may approve it; governors and directors get a mail first.

    `version`: the one that was read. `until`: an earlier end than was asked for. `review`: when it is looked at again.
    A refusal has a reason. Raises `ApprovalRefused`, `RecordChanged`, `RecordRefused`.
    """
    if decision == "refuse" and not reason.strip():
        raise RecordRefused("say why it is refused; who asked will read it")
    zone = (await asyncio.to_thread(policy_in_force, work)).zone
    end, look_again = _moment(work, until, zone), _moment(work, review, zone)
    revision = await asyncio.to_thread(latest_number, work)
    store = await work.store()
    async with store.change() as change:
        known = await steps.people_of(work, change)
        found = await steps.found_in(work, change, number, version)
        steps.refuse_state(found, State.requested)
        alone = is_alone(work, known, found.fields)
        told = refuse_unreported(work, known, decision) if alone else ()
        if not alone:
            steps.refuse_same_name(work, found.fields, known)
        if decision == "approve" and found.fields.until_us is not None and found.fields.until_us <= work.now_us:
            raise RecordRefused("its end has passed; refuse it, and who still needs it asks anew")
        await refuse_decider(
            change.connection, known, found.fields, account_id_of(work.actor.id), work.settings.accounts.school,
            work.now_us, approves=decision == "approve", is_alone=alone,
        )  # fmt: skip
        made = Decision(
            by=work.actor.id, at_us=work.now_us, is_approved=decision == "approve", reason=reason.strip(),
            conditions=conditions.strip(), review_us=look_again, revision=revision,
            effect=shown_to(work, found.number, found.version), is_alone=alone,
        )  # fmt: skip
        fields = _shortened(found.fields, end).changed(decision=made)
        state = State.approved if made.is_approved else State.refused
        # What is in force at once is announced then.
        is_now = made.is_approved and fields.action != "other" and (fields.starts_us or 0) <= work.now_us
        whom = () if is_now else steps.whom_to_notify(known, fields, state.value, work.actor.id)
        fields = fields.stepped(steps.step(work, state.value, made.reason or made.conditions, whom))
        if alone:
            fields = fields.stepped(steps.step(work, REPORTED, "who asked for it approved it alone", told))
        result = await steps.wrote(work, change, found, fields, f"request.{state}", state, is_alone=alone)
        if alone:
            await report(work, known, result.number, result.version, told)
    await steps.tell(work, known, result, state.value, whom)
    if made.is_approved:
        return await _carry_on(work, result)
    return RequestChanged.of(result, "refused, and who asked is told")


@records("request.carried_out")
async def carried_out(
    work: Work, number: int, version: Version, reason: Prose, revision: int = 0, drift: int | None = None,
    drift_version: int | None = None,
) -> RequestChanged:  # fmt: skip
    """Says that an approved change was made by hand: how, and by which revision of the policy, 0 for none.

    `drift`: the change outside an operation that it is, such as of a setting, in the version that was read; it is
    agreed with it. Raises `RecordChanged`, `RecordRefused`, `NotPermitted`.
    """
    if drift is not None:
        rights.require(work.actor.roles, "checks.accept_drift")
    if not reason.strip():
        raise RecordRefused("say what was done; a few words are enough")
    latest = await asyncio.to_thread(latest_number, work)
    if not 0 <= revision <= latest:
        raise RecordRefused(f"there is no revision {revision} of the policy; the latest is {latest}")
    store = await work.store()
    async with store.change() as change:
        known = await steps.people_of(work, change)
        found = await steps.found_in(work, change, number, version)
        steps.refuse_state(found, State.approved)
        if found.fields.action != "other" and found.fields.problem is None:
            raise RecordRefused("this one is put in force by itself")
        done = Applied(
            by=work.actor.id, at_us=work.now_us, before=max(0, revision - 1), after=revision, note=reason.strip()
        )
        fields = found.fields.changed(applied=done, problem=None)
        whom = steps.whom_to_notify(known, fields, "applied", work.actor.id)
        said = reason.strip()
        if drift is not None:
            why = f"request {number}: {said}"
            parts = await agree(work, change, drift, drift_version, why, "request.carried_out")
            said = f"{said} ({', '.join(parts)})"[:LONGEST_SAID]
        fields = fields.stepped(steps.step(work, "applied", said, whom))
        made = await steps.wrote(work, change, found, fields, "request.applied", State.applied, after=revision)
    if drift is not None:
        await look(store, work.settings, work.now)
    await steps.tell(work, known, made, "applied", whom)
    return RequestChanged.of(made, "on record")


@records("request.advise")
async def advise(work: Work, number: int, version: Version, view: Prose) -> RequestChanged:
    """The safeguarding lead's view of a request that waits, for who decides. Raises `RecordChanged`."""
    if not view.strip():
        raise RecordRefused("say what you think of it; a few words are enough")
    store = await work.store()
    async with store.change() as change:
        found = await steps.found_in(work, change, number, version)
        steps.refuse_state(found, State.suggested, State.requested)
        steps.refuse_long(found.fields)
        said = Noted(person=work.actor.id, on=f"{work.now:%Y-%m-%d}", said=view.strip())
        fields = found.fields.changed(lead_view=said).stepped(steps.step(work, "advised", view.strip()))
        made = await steps.wrote(work, change, found, fields, "request.advised")
    return RequestChanged.of(made, "who decides reads it")


@records("request.withdraw")
async def withdraw(work: Work, number: int, reason: Prose = "") -> RequestChanged:
    """Takes back what the caller asked for, while it waits. Where others ask too, they go on.

    Raises `RecordRefused`.
    """
    store = await work.store()
    async with store.change() as change:
        known = await steps.people_of(work, change)
        found = await steps.found_in(work, change, number)
        steps.refuse_state(found, State.suggested, State.requested)
        if not found.fields.is_asked_by(work.actor.id):
            raise RecordRefused("only who asked for it takes it back; who decides may refuse it")
        others = tuple(one for one in found.fields.askers if one.actor != work.actor.id)
        fields, state = _without(found, others, work.actor.id)
        # Who asks no longer is not held back by what others wrote.
        fields = fields.stepped(steps.step(work, "withdrawn", reason.strip()[:LONGEST_REASON]))
        made = await steps.wrote(work, change, found, fields, "request.withdrawn", state)
    if state is State.suggested and found.state != State.suggested:
        whom = steps.whom_to_notify(known, made.fields, "suggested", work.actor.id)
        await steps.tell(work, known, made, "suggested", whom)
    return RequestChanged.of(made, "withdrawn" if not others else "you ask for it no longer; others do")


@records("request.end")
async def end(work: Work, number: int, version: Version, reason: Prose) -> RequestChanged:
    """Ends what a request opened or closed, before its time. To open again needs the right to open.

    Raises `NotPermitted`, `RecordChanged`, `RecordRefused`.
    """
    if not reason.strip():
        raise RecordRefused("say why it ends now; a few words are enough")
    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, ChangeRequest, number)
        known = await people(connection, store.site_id, work.settings.accounts.school)
    steps.refuse_other(work, found, version)
    steps.refuse_state(found, State.applied)
    if not found.fields.is_loosening:
        rights.require(work.actor.roles, "exceptions.end_deny")
        openings.refuse(work, "exceptions.end_deny")
    async with steps.turn():
        # First in the policy: a process that ends in between leaves a request that is found not to be in it.
        revision = await asyncio.to_thread(end_in_policy, work, found.number, found.fields, reason.strip())
        return await _ended(work, known, found, revision, reason.strip())


async def _ended(work: Work, known: People, found: Record[ChangeRequest], revision: int, reason: str) -> RequestChanged:
    store = await work.store()
    async with store.change() as change:
        whom = steps.whom_to_notify(known, found.fields, "ended", work.actor.id)
        fields = found.fields.stepped(steps.step(work, "ended", reason, whom))
        made = await steps.wrote(work, change, found, fields, "request.ended", State.ended, revision=revision)
    await steps.tell(work, known, made, "ended", whom)
    return RequestChanged.of(made, f"ended by revision {revision} of the policy")


@records("request.review")
async def review(
    work: Work, number: int, version: Version, reason: Prose, again: Moment | None = None
) -> RequestChanged:
    """Says that what is in force was looked at and stays, and when it is looked at again. Raises `RecordChanged`."""
    if not reason.strip():
        raise RecordRefused("say what was found; a few words are enough")
    zone = (await asyncio.to_thread(policy_in_force, work)).zone
    next_look = _moment(work, again, zone)
    store = await work.store()
    async with store.change() as change:
        found = await steps.found_in(work, change, number, version)
        steps.refuse_state(found, State.applied)
        decision = found.fields.decision
        if decision is None:
            raise RecordRefused("this one was decided by no person")
        decided = decision.model_copy(update={"review_us": next_look})
        fields = found.fields.changed(decision=decided).stepped(steps.step(work, "reviewed", reason.strip()))
        made = await steps.wrote(work, change, found, fields, "request.reviewed")
    return RequestChanged.of(made, "on record")


async def _carry_on(work: Work, found: Record[ChangeRequest]) -> RequestChanged:
    """Puts it in force, or says what it waits for."""
    made = await apply_now(work, found)
    if made.state == State.applied and made.fields.applied is not None:
        return RequestChanged.of(made, f"in force by revision {made.fields.applied.after} of the policy")
    if made.fields.problem is not None:
        return RequestChanged.of(made, f"approved, and not in force: {made.fields.problem.said}")
    if made.fields.action == "other":
        return RequestChanged.of(made, "approved; it waits to be made by hand")
    return RequestChanged.of(made, "approved; it is put in force when it starts")


def _without(found: Record[ChangeRequest], others: tuple[object, ...], actor: str) -> tuple[ChangeRequest, State]:
    """The fields without one asker, and the state: what no leader asks for any more is a suggestion again."""
    if not others:
        return found.fields, State.withdrawn
    left = found.fields.changed(askers=tuple(one for one in found.fields.askers if one.actor != actor))
    return left, State(found.state) if left.requester else State.suggested


def _shortened(fields: ChangeRequest, end: int | None) -> ChangeRequest:
    """An approver makes it shorter, never longer. Raises `RecordRefused`."""
    if end is None:
        return fields
    if fields.until_us is not None and end > fields.until_us:
        raise RecordRefused("an approver makes it shorter, not longer; longer is asked for anew")
    if fields.starts_us is not None and end <= fields.starts_us:
        raise RecordRefused("it would end before it starts")
    return fields.changed(until_us=end)


def _moment(work: Work, text: str | None, zone: ZoneInfo) -> int | None:
    moment = end_of(text or None, None, work.now, zone)
    return None if moment is None else int(moment.timestamp()) * 1_000_000
