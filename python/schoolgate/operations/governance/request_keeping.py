"""`request.keep_up`: what happens to change requests by themselves. The control process calls it each minute.

It finishes what was approved and is not in force, marks what has ended, and announces what ends soon. The state of a
request follows the policy and the clock of now: a clock that was set forward and back again leaves none wrong. Each is
followed up by itself: what is wrong with one, even a mistake of the program, holds up no other.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from schoolgate.errors import SchoolgateError
from schoolgate.governance import record_store, request_store
from schoolgate.governance.change_request import REMINDED_US, ChangeRequest, State
from schoolgate.governance.record_store import Record
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.governance.request_applying import apply_now, latest_number
from schoolgate.operations.governance.request_ending import is_in_policy
from schoolgate.operations.governance.request_results import RequestNotKept, RequestsKept
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import records
from schoolgate.operations.work import Work

# Requests that one look goes through; more are gone through by the next ones.
MOST_LOOKED_AT = 2_000
# Ended ones are looked at again while a clock could be set back by so many.
MOST_EXPIRED = 200
# Of what an unknown error says: it may repeat all that a person wrote.
LONGEST_DEFECT = 300


@dataclass
class _Kept:
    """What was done so far."""

    applied: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    reminded: list[int] = field(default_factory=list)
    failed: list[RequestNotKept] = field(default_factory=list)


@records("request.keep_up")
async def keep_up(work: Work) -> RequestsKept:
    """Puts approved requests in force that are due, marks those that have ended, announces those that end soon."""
    kept = _Kept()
    store = await work.store()
    async with store.reading() as connection:
        counts = await request_store.counts(connection, store.site_id)
    if not counts.keys() & {State.approved, State.applied, State.expired}:
        return RequestsKept((), (), (), ())
    number = await asyncio.to_thread(latest_number, work)
    async for one in _each(work, kept, State.approved):
        await _safely(kept, one, lambda one: _apply(work, one, number, kept))
    # With what was put in force just now: by the text of before, it would have been taken out.
    text = (await asyncio.to_thread(policy_in_force, work)).text
    async for one in _each(work, kept, State.applied):
        await _safely(kept, one, lambda one: _look(work, one, text, kept))
    async for one in _each(work, kept, State.expired, MOST_EXPIRED):
        await _safely(kept, one, lambda one: _look_again(work, one, text))
    return RequestsKept(tuple(kept.applied), tuple(kept.ended), tuple(kept.reminded), tuple(kept.failed))


async def _each(
    work: Work, kept: _Kept, state: State, most: int = MOST_LOOKED_AT
) -> AsyncIterator[Record[ChangeRequest]]:
    """Newest first. One that cannot be read has failed."""
    before: int | None = None
    store = await work.store()
    for _ in range(most // record_store.PAGE):
        async with store.reading() as connection:
            page = await record_store.listed_apart(
                connection, store.site_id, ChangeRequest, states=[state], before=before
            )
        for number, one in page:
            if isinstance(one, Record):
                yield one
            else:
                kept.failed.append(RequestNotKept(number, str(one)))
        if len(page) < record_store.PAGE:
            return
        before = page[-1][0]


async def _safely(
    kept: _Kept, one: Record[ChangeRequest], doing: Callable[[Record[ChangeRequest]], Awaitable[None]]
) -> None:
    """One that fails stops no other, whatever is wrong with it."""
    try:
        await doing(one)
    except SchoolgateError as error:
        kept.failed.append(RequestNotKept(one.number, str(error)))
    except Exception as error:
        kept.failed.append(RequestNotKept(one.number, _defect(error)))


def _defect(error: Exception) -> str:
    """A mistake of the program in one line: what, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = f"a mistake of the program: {type(error).__name__}: {error}"
    return f"{said[:LONGEST_DEFECT]} ({Path(place.filename).name}:{place.lineno})"


async def _apply(work: Work, one: Record[ChangeRequest], revision: int, kept: _Kept) -> None:
    end, problem = one.fields.until_us, one.fields.problem
    if end is not None and end <= work.now_us:
        await _change(work, one, "expired", "", State.expired)
        kept.ended.append(one.number)
        return
    if problem is not None and problem.revision == revision:
        return
    made = await apply_now(work, one)
    if made.state == State.applied:
        kept.applied.append(one.number)


async def _look(work: Work, one: Record[ChangeRequest], text: str, kept: _Kept) -> None:
    end = one.fields.until_us
    if end is not None and end <= work.now_us:
        await _change(work, one, "expired", "", State.expired)
        kept.ended.append(one.number)
    elif not is_in_policy(text, one.number, one.fields):
        await _change(work, one, "ended", "another change of the policy took it out", State.ended)
        kept.ended.append(one.number)
    elif _ends_soon(one.fields, work.now_us):
        await _change(work, one, "reminded", "", State.applied)
        kept.reminded.append(one.number)


async def _look_again(work: Work, one: Record[ChangeRequest], text: str) -> None:
    """Of one that has ended: whether a clock was set back since."""
    was_there = one.fields.applied is not None
    if was_there and (one.fields.until_us or 0) > work.now_us and is_in_policy(text, one.number, one.fields):
        await _change(work, one, "applied", "the clock was set back", State.applied)


def _ends_soon(fields: ChangeRequest, now_us: int) -> bool:
    if fields.until_us is None or fields.applied is None or fields.reminded_us is not None:
        return False
    return fields.until_us - fields.applied.at_us > 2 * REMINDED_US and fields.until_us - REMINDED_US <= now_us


async def _change(work: Work, one: Record[ChangeRequest], what: str, note: str, state: State) -> None:
    """Writes it, unless another operation was first; then mails its askers."""
    store = await work.store()
    async with steps.turn(), store.change() as change:
        known = await steps.people_of(work, change)
        found = await steps.found_in(work, change, one.number, one.version)
        whom = steps.whom_to_notify(known, found.fields, what, work.actor.id)
        reminded = work.now_us if what == "reminded" else found.fields.reminded_us
        fields = found.fields.changed(reminded_us=reminded).stepped(steps.step(work, what, note, whom))
        made = await steps.wrote(work, change, found, fields, f"request.{what}", state)
    await steps.tell(work, known, made, what, whom)
