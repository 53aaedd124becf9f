"""`request.suggest` and `request.file`: staff suggest, leaders ask; the same asked twice is one request."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from schoolgate.config.problems import did_you_mean
from schoolgate.governance import record_store, request_store
from schoolgate.governance.change_request import (
    DAY_US,
    DEFAULT_DAYS,
    MOST_DAYS,
    MOST_NAMES,
    MOST_SEGMENTS,
    Action,
    Asker,
    ChangeRequest,
    Decision,
    Noted,
    State,
    due_of,
    subject_of,
)
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Record
from schoolgate.governance.request_people import People
from schoolgate.operations import rights
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.governance.request_applying import apply_now
from schoolgate.operations.governance.request_drafting import Ready, ready, refuse_needless, why_impossible
from schoolgate.operations.governance.request_results import RequestChanged
from schoolgate.operations.policies.quick_policy import end_of, rule_of
from schoolgate.operations.registry import Personal, records
from schoolgate.operations.work import Work
from schoolgate.storage.store import Change

Line = Annotated[str, Field(max_length=300)]
Prose = Annotated[str, Personal, Field(max_length=4000)]
Names = Annotated[tuple[Line, ...], Field(max_length=MOST_NAMES)]
Segments = Annotated[tuple[Line, ...], Field(max_length=MOST_SEGMENTS)]
Moment = Annotated[str, Field(max_length=40)]


@dataclass(frozen=True)
class Asked:
    """A request as it was asked for, checked. `impossible`: what forbids it, or ""."""

    fields: ChangeRequest
    subject: str
    impossible: str


@records("request.suggest")
async def suggest(
    work: Work,
    action: Action,
    purpose: Prose,
    names: Names = (),
    segments: Segments = (),
    wanted: Prose = "",
    service: Line = "",
    group: Line = "",
    until: Moment | None = None,
    lasts: Moment | None = None,
) -> RequestChanged:
    """Suggests to open or close names, or another change, to the leaders. The same suggested twice is one request.

    Raises `RecordRefused`, `NotClear`, `SegmentUnclear`.
    """
    fields = _fields(work, action, names, segments, wanted, service, group, purpose)
    asked = await asyncio.to_thread(_checked, work, fields, until, lasts, None, is_renewal=False)
    return await _keep(work, asked, files=False, taken_up=None)


@records("request.file")
async def file(
    work: Work,
    action: Action,
    purpose: Prose,
    names: Names = (),
    segments: Segments = (),
    wanted: Prose = "",
    service: Line = "",
    group: Line = "",
    starts: Moment | None = None,
    until: Moment | None = None,
    lasts: Moment | None = None,
    reviewed_by: Prose = "",
    reviewed_on: Line = "",
    finding: Prose = "",
    alternatives: Prose = "",
    spoke_with: Prose = "",
    spoke_on: Line = "",
    outcome: Prose = "",
    number: int | None = None,
) -> RequestChanged:
    """Asks for a change as a leader. `number`: a suggestion that is taken up. Without a trust director IT may file too.

    `reviewed_by`, `reviewed_on`, `finding`: who looked at the resource; `spoke_with`, `spoke_on`, `outcome`: the School
    Improvement Team. An opening without an end lasts 28 days, and a year at most. A closing by who may close is in
    force at once. What is sealed or locked is refused, on record. Raises as `request.suggest` does.
    """
    fields = _fields(work, action, names, segments, wanted, service, group, purpose).changed(
        reviewed=Noted(person=reviewed_by.strip(), on=reviewed_on.strip(), said=finding.strip()),
        alternatives=alternatives.strip(),
        conversation=Noted(person=spoke_with.strip(), on=spoke_on.strip(), said=outcome.strip()),
    )
    asked = await asyncio.to_thread(_checked, work, fields, until, lasts, starts, is_renewal=False)
    return await _keep(work, asked, files=True, taken_up=number)


@records("request.renew")
async def renew(
    work: Work, number: int, reason: Prose, until: Moment | None = None, lasts: Moment | None = None
) -> RequestChanged:
    """Asks that a request which is in force, or has ended, goes on: a new request, decided like the first.

    Raises `RecordRefused`, `NotClear`.
    """
    store = await work.store()
    async with store.reading() as connection:
        old = await record_store.get(connection, store.site_id, ChangeRequest, number)
    steps.refuse_stranger(work, old)
    steps.refuse_state(old, State.applied, State.expired, State.ended)
    given = old.fields.model_dump(include={"action", "names", "segments", "wanted", "service", "group", "alternatives"})
    given |= {"reviewed": old.fields.reviewed, "conversation": old.fields.conversation, "renews": number}
    fields = ChangeRequest.model_validate({**given, "purpose": _said(reason, "why it is still needed")})
    asked = await asyncio.to_thread(_checked, work, fields, until, lasts, None, is_renewal=True)
    return await _keep(work, asked, files=True, taken_up=None)


def _fields(
    work: Work, action: Action, names: tuple[str, ...], segments: tuple[str, ...], wanted: str, service: str,
    group: str, purpose: str,
) -> ChangeRequest:  # fmt: skip
    """What was given, with names in their normal form. Raises `NotClear`, `RecordRefused`."""
    _said(purpose, "what it is for")
    if action == "other":
        _said(wanted, "what is to change")
        if names or service:
            raise RecordRefused("names are opened or closed; for another change say in words what it is")
    every = {str(rule_of(one)) for one in names} | set(_domains(work, service) if service else ())
    if action != "other" and not every:
        raise RecordRefused("say which names, such as games.example.com, or which service")
    if len(every) > MOST_NAMES:
        raise RecordRefused(f"{len(every)} names are more than one request holds ({MOST_NAMES})")
    return ChangeRequest(
        action=action, names=tuple(sorted(every)), service=service, wanted=wanted.strip() if action == "other" else "",
        segments=tuple(sorted(set(segments))), group=group.strip(), purpose=purpose.strip(),
    )  # fmt: skip


def _domains(work: Work, service: str) -> tuple[str, ...]:
    from schoolgate.lists.services import read_services

    services = {one.id: one for one in read_services(work.settings.lists.dir / "services")}
    if service not in services:
        raise RecordRefused(f"there is no service {service}; {did_you_mean(service, services)}")
    return services[service].domains


def _said(text: str, what: str) -> str:
    if not text.strip():
        raise RecordRefused(f"say {what}; a few words are enough")
    return text.strip()


def _checked(
    work: Work, fields: ChangeRequest, until: str | None, lasts: str | None, starts: str | None, *, is_renewal: bool
) -> Asked:
    """With its times and what forbids it. Blocks while the engine is asked."""
    there = ready(work)
    document = there.checked.document
    for one in fields.segments:
        if one not in document.segments:
            raise RecordRefused(f"there is no network {one}; {did_you_mean(one, document.segments)}")
    fields = _timed(work, fields, until, lasts, starts, ZoneInfo(document.time_zone))
    return Asked(
        fields,
        subject_of(fields.action, fields.names, fields.segments, fields.wanted),
        _impossible(work, fields, there, is_renewal=is_renewal) if fields.action != "other" else "",
    )


def _impossible(work: Work, fields: ChangeRequest, there: Ready, *, is_renewal: bool) -> str:
    if not is_renewal:
        refuse_needless(work, fields, there)
    return why_impossible(work, fields, there)


def _timed(
    work: Work, fields: ChangeRequest, until: str | None, lasts: str | None, starts: str | None, zone: ZoneInfo
) -> ChangeRequest:
    begin = _us(end_of(starts, None, work.now, zone)) if starts else None
    end = _us(end_of(until or None, lasts or None, work.now, zone))
    if end is None and fields.is_loosening and fields.action != "other":
        end = (begin or work.now_us) + DEFAULT_DAYS * DAY_US
    if end is not None and fields.is_loosening and end - work.now_us > MOST_DAYS * DAY_US:
        last = work.now.astimezone(zone) + dt.timedelta(days=MOST_DAYS)
        raise RecordRefused(f"an opening ends within a year, by {last:%Y-%m-%d}; it can be renewed then")
    if begin is not None and end is not None and end <= begin:
        raise RecordRefused("it would end before it starts")
    return fields.changed(starts_us=begin, until_us=end)


def _us(moment: dt.datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000


async def _keep(work: Work, asked: Asked, *, files: bool, taken_up: int | None) -> RequestChanged:
    """Stores it, or joins the one that is open; then tells who acts next."""
    store = await work.store()
    async with store.change() as change:
        known = await steps.people_of(work, change)
        as_leader = files and (known.files_as_leader(work.actor.roles) or _may_close(work, asked.fields))
        asker = Asker(
            actor=work.actor.id, at_us=work.now_us, roles=tuple(sorted(work.actor.roles)), as_leader=as_leader,
            purpose=asked.fields.purpose,
        )  # fmt: skip
        there = await _there(work, change, asked, taken_up)
        if there is None:
            await request_store.refuse_too_many(change.connection, change.site_id, work.actor.id, work.now_us)
            made, what = await _add(work, change, known, asked, asker)
        else:
            made, what = await _join(work, change, known, there, asked, asker)
    if what:
        await steps.tell(work, known, made, what, made.fields.steps[-1].notified)
    if made.state == State.approved and made.fields.decision is not None and made.fields.decision.is_direct:
        made = await apply_now(work, made)
    return RequestChanged.of(made, _sentence(made, known, is_new=there is None), is_new=there is None)


async def _there(work: Work, change: Change, asked: Asked, taken_up: int | None) -> Record[ChangeRequest] | None:
    same = await request_store.same(change.connection, change.site_id, asked.subject)
    if taken_up is None:
        return same
    found = await steps.found_in(work, change, taken_up)
    steps.refuse_state(found, State.suggested)
    if same is not None and same.number != taken_up:
        raise RecordRefused(f"request {same.number} asks for the same; ask for that one, and withdraw this one")
    return found


async def _add(
    work: Work, change: Change, known: People, asked: Asked, asker: Asker
) -> tuple[Record[ChangeRequest], str]:
    state, what, fields = _first_state(work, known, asked.fields.with_asker(asker), asked.impossible, asker)
    whom = steps.whom_to_notify(known, fields, what, work.actor.id)
    fields = fields.stepped(steps.step(work, state.value, asked.impossible, whom))
    made = await record_store.add(
        change, fields, steps.entry_of(work, f"request.{state}"), state=str(state), subject=asked.subject,
        due_us=due_of(fields, state),
    )  # fmt: skip
    return made, what if whom else ""


def _first_state(
    work: Work, known: People, fields: ChangeRequest, impossible: str, asker: Asker
) -> tuple[State, str, ChangeRequest]:
    """The state, the mail, and the fields with the decision of what needs none."""
    if impossible:
        return State.refused, "", fields.changed(refused_because=impossible)
    if not asker.as_leader:
        return State.suggested, "suggested", fields
    if _may_close(work, fields):
        decision = Decision(
            by=work.actor.id, at_us=work.now_us, is_approved=True, reason="a tightening needs no second person",
            is_direct=True,
        )  # fmt: skip
        return State.approved, "", fields.changed(decision=decision)
    return State.requested, "requested", fields


def _may_close(work: Work, fields: ChangeRequest) -> bool:
    """Whether it closes, which this person may do alone."""
    return fields.action == "close" and rights.may(work.actor.roles, "policy.block")


async def _join(
    work: Work, change: Change, known: People, there: Record[ChangeRequest], asked: Asked, asker: Asker
) -> tuple[Record[ChangeRequest], str]:
    """Another who asks for the same; or the leader who takes a suggestion up, or who may close it alone."""
    needs_no_other = there.state == State.requested and _may_close(work, asked.fields)
    if asker.as_leader and (there.state == State.suggested or needs_no_other):
        return await _take_up(work, change, known, there, asked, asker)
    fields = there.fields.with_asker(asker)
    if fields == there.fields or not fields.is_asked_by(work.actor.id):
        change.is_signed = True  # nothing is written, so there is no entry
        return there, ""
    steps.refuse_long(fields)
    fields = fields.stepped(steps.step(work, "joined", asker.purpose))
    return await steps.wrote(work, change, there, fields, "request.joined"), ""


async def _take_up(
    work: Work, change: Change, known: People, there: Record[ChangeRequest], asked: Asked, asker: Asker
) -> tuple[Record[ChangeRequest], str]:
    kept = there.fields
    fields = asked.fields.changed(askers=kept.askers, steps=kept.steps, entries=kept.entries, lead_view=kept.lead_view)
    state, what, fields = _first_state(work, known, fields.with_asker(asker), asked.impossible, asker)
    whom = steps.whom_to_notify(known, fields, what, work.actor.id)
    fields = fields.stepped(steps.step(work, state.value, asked.impossible, whom))
    made = await steps.wrote(work, change, there, fields, f"request.{state}", state, asked.subject)
    return made, what if whom else ""


def _sentence(made: Record[ChangeRequest], known: People, *, is_new: bool) -> str:
    """What to know of it now."""
    fields, joined = made.fields, "" if is_new else f"added to request {made.number}: "
    if made.state == State.refused:
        return f"refused: {fields.refused_because}"
    if made.state == State.suggested:
        return f"{joined}it waits for a leader to file it"
    if made.state == State.requested:
        roles = " or ".join(sorted(one.replace("_", " ") for one in known.deciding_roles(fields)))
        waits = f"it waits for a {roles} who did not ask for it"
        return joined + waits + ("" if known.deciders(fields) else "; no such account can sign in here now")
    if made.state == State.applied:
        return f"{joined}in force"
    return joined + (fields.problem.said if fields.problem is not None else "it is approved")
