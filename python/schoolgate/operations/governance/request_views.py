"""`request.list` and `request.show`: what waits and for whom; one request with what it would open and close."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.roles import Role
from schoolgate.governance import record_store, request_store
from schoolgate.governance.change_request import REMINDED_US, ChangeRequest, State
from schoolgate.governance.record_store import Record
from schoolgate.governance.request_people import LEADERS, People, people
from schoolgate.operations import rights
from schoolgate.operations.actor import local_name
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.governance.request_alone import is_alone, recipients
from schoolgate.operations.governance.request_drafting import effect_of
from schoolgate.operations.governance.request_results import (
    EarlierRequest,
    Person,
    RequestRow,
    RequestShown,
    RequestsListed,
    Waits,
)
from schoolgate.operations.governance.shown_effects import remember
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work

MOST_ROWS = 100
# A filter that few requests pass is not followed through ten years at once.
MOST_LOOKED_AT = 1_000


@looks("request.list")
async def list_requests(
    work: Work,
    states: tuple[State, ...] = (),
    text: Annotated[str, Field(max_length=253)] = "",
    is_mine: bool = False,
    is_for_me: bool = False,
    most: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 25,
    before: int | None = None,
) -> RequestsListed:
    """Change requests, newest first. `text`: in names, purpose or what is wanted; `is_for_me`: the caller acts next.

    A teacher sees those that they ask for.
    """
    store = await work.store()
    rows: list[RequestRow] = []
    looked_at, last, is_over = 0, before, False
    async with store.reading() as connection:
        known = await people(connection, store.site_id, work.settings.accounts.school)
        while len(rows) < most and looked_at < MOST_LOOKED_AT and not is_over:
            page = await record_store.listed(connection, store.site_id, ChangeRequest, states=states, before=last)
            is_over = len(page) < record_store.PAGE
            for at, one in enumerate(page):
                looked_at, last = looked_at + 1, one.number
                row = _row(work, known, one)
                if _is_seen(work, one) and _is_wanted(row, text, is_mine=is_mine, is_for_me=is_for_me):
                    rows.append(row)
                if len(rows) == most:
                    is_over = is_over and at == len(page) - 1
                    break
        counts = await request_store.counts(connection, store.site_id) if work.actor.roles & steps.SEES_ALL else {}
    actors = {one for row in rows for one in row.askers}
    return RequestsListed(
        tuple(rows), None if is_over else last, counts, persons(known, actors),
        work.settings.operations.one_person_decides,
    )  # fmt: skip


@looks("request.show")
async def show(work: Work, number: int, has_effect: bool = False) -> RequestShown:
    """One request, earlier ones for the same names, and what the caller may do.

    `has_effect`: what it would open and close of what was asked in the last 30 days, which reads the log. Raises
    `NoSuchRecord`.
    """
    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, ChangeRequest, number)
        steps.refuse_stranger(work, found)
        known = await people(connection, store.site_id, work.settings.accounts.school)
        others = await _earlier(work, connection, store.site_id, found)
        files = tuple(await record_store.attachments(connection, found))
    effect = await asyncio.to_thread(effect_of, work, found.fields) if has_effect else None
    if effect is not None:
        remember(work, found.number, found.version, effect)
    fields = found.fields
    deciders = known.deciders(fields)
    is_own = found.state == State.requested and is_alone(work, known, fields)
    alone = recipients(work, known) if is_own and rights.may(work.actor.roles, "request.decide") else None
    return RequestShown(
        found.number, found.version, State(found.state), fields, found.created_us, found.created_by, found.due_us,
        waits_of(found, work.now_us), may_of(work, known, found), deciders, others, effect,
        persons(known, {*_actors(fields), *deciders, *(alone or ())}), alone, files,
    )  # fmt: skip


def waits_of(found: Record[ChangeRequest], now_us: int) -> Waits:
    """Who acts next."""
    fields = found.fields
    if found.state == State.suggested:
        return "leader"
    if found.state == State.requested:
        return "decision"
    if found.state == State.approved:
        return "carrying-out" if fields.action == "other" or fields.problem is not None else ""
    if found.state != State.applied:
        return ""
    if fields.decision is not None and fields.decision.review_us is not None and fields.decision.review_us <= now_us:
        return "review"
    ends_soon = fields.until_us is not None and fields.reminded_us is not None
    return "renewal" if ends_soon and (fields.until_us or 0) - REMINDED_US <= now_us else ""


def is_for(work: Work, known: People, found: Record[ChangeRequest], waits: Waits) -> bool:
    """Whether the caller is one who acts next."""
    roles, fields = work.actor.roles, found.fields
    if waits == "leader":
        return known.files_as_leader(roles) and rights.may(roles, "request.file")
    if waits == "decision":
        # Who asked is not called to decide it while another person may.
        return known.may_decide(work.actor.id, fields) or (
            not known.deciders(fields) and is_alone(work, known, fields) and bool(recipients(work, known))
        )
    if waits == "carrying-out":
        return bool(roles & {Role.network_manager, Role.provider})
    if waits == "review":
        return bool(roles & LEADERS)
    return waits == "renewal" and fields.is_asked_by(work.actor.id)


def may_of(work: Work, known: People, found: Record[ChangeRequest]) -> tuple[str, ...]:
    """Operations that the caller may call on it in its state."""
    fields, state, roles = found.fields, State(found.state), work.actor.roles
    is_mine = fields.is_asked_by(work.actor.id)
    waits = state in (State.suggested, State.requested)
    found_now = {
        "request.file": state is State.suggested and known.files_as_leader(roles),
        "request.decide": state is State.requested
        and (known.may_decide(work.actor.id, fields) or is_alone(work, known, fields)),
        "request.advise": waits,
        "request.withdraw": waits and is_mine,
        "request.carried_out": state is State.approved and (fields.action == "other" or fields.problem is not None),
        "request.end": state is State.applied and (fields.is_loosening or _may_end_deny(work)),
        "request.review": state is State.applied,
        "request.renew": state in (State.applied, State.expired, State.ended) and fields.until_us is not None,
        "request.attach": waits or state in (State.approved, State.applied),
        "request.bundle": True,
    }
    return tuple(name for name, is_now in found_now.items() if is_now and rights.may(roles, name))


def _may_end_deny(work: Work) -> bool:
    name = "exceptions.end_deny"
    return rights.may(work.actor.roles, name) and name not in work.asks_first


def persons(known: People, actors: Iterable[str]) -> dict[str, Person]:
    """Names of actors; an account that is gone has none."""
    found = {}
    for one in sorted(set(actors)):
        account = known.accounts.get(one)
        if account is not None:
            found[one] = Person(account.display_name, account.is_active)
        elif one.startswith("account:"):
            found[one] = Person("an account that is gone", False)
        else:
            found[one] = Person(local_name(one) or "schoolgate itself", True)
    return found


def _row(work: Work, known: People, found: Record[ChangeRequest]) -> RequestRow:
    fields, waits = found.fields, waits_of(found, work.now_us)
    return RequestRow(
        found.number, found.version, State(found.state), fields.action, fields.names, fields.service, fields.wanted,
        fields.segments, fields.purpose, tuple(one.actor for one in fields.askers), found.created_us,
        found.changed_us, fields.until_us, waits, is_for(work, known, found, waits), fields.is_asked_by(work.actor.id),
        fields.decision is not None and fields.decision.is_alone,
    )  # fmt: skip


def _is_seen(work: Work, found: Record[ChangeRequest]) -> bool:
    return bool(work.actor.roles & steps.SEES_ALL) or found.fields.is_asked_by(work.actor.id)


def _is_wanted(row: RequestRow, text: str, *, is_mine: bool, is_for_me: bool) -> bool:
    said = f"{' '.join(row.names)} {row.service} {row.wanted} {row.purpose} {row.number}".lower()
    return text.strip().lower() in said and (row.is_mine or not is_mine) and (row.is_for_me or not is_for_me)


async def _earlier(
    work: Work, connection: AsyncConnection, site_id: object, found: Record[ChangeRequest]
) -> tuple[EarlierRequest, ...]:
    """None for who sees their own alone."""
    if not work.actor.roles & steps.SEES_ALL or not found.fields.names:
        return ()
    others = await request_store.earlier(connection, site_id, found.fields.names, found.number)  # type: ignore[arg-type]
    return tuple(
        EarlierRequest(
            one.number, State(one.state), one.fields.action, one.fields.names, one.fields.segments, one.changed_us,
            _outcome(one.fields),
        )
        for one in others
    )  # fmt: skip


def _outcome(fields: ChangeRequest) -> str:
    if fields.refused_because:
        return fields.refused_because
    decision = fields.decision
    return "" if decision is None else decision.reason or decision.conditions


def _actors(fields: ChangeRequest) -> Iterable[str]:
    yield from (one.actor for one in fields.askers)
    yield from (one.actor for one in fields.steps)
    yield from (one for step in fields.steps for one in step.notified)
    if fields.lead_view is not None:
        yield fields.lead_view.person
    if fields.decision is not None:
        yield fields.decision.by
    if fields.applied is not None:
        yield fields.applied.by
