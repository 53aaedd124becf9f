"""The steps of a review: begun and prefilled, written, signed by people who must agree. A signed one never changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from schoolgate.accounts.roles import Role
from schoolgate.governance import record_store as records
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.plain_form import DAY_US, FieldsRefused, due_at_end_of, missing_of, read_form
from schoolgate.governance.record_store import Record, Written
from schoolgate.governance.review import REVIEW_FORM, TRIGGERS, Review, Signature
from schoolgate.storage.store import Change

DRAFT, SIGNING, SIGNED = "draft", "signing", "signed"
# A review that was begun is written within four weeks.
DRAFT_DAYS = 28
MOST_DAYS_TO_NEXT = 366
# Who must have signed, as two persons at least: one of each group.
SIGNERS: tuple[tuple[str, frozenset[Role]], ...] = (
    ("a head or a director", frozenset({Role.head, Role.trust_director})),
    ("the safeguarding lead", frozenset({Role.safeguarding_lead})),
)
LEAST_SIGNATURES = 2


class ReviewSigned(RecordRefused):
    """The review was signed already: by this person, or by all who must."""


async def begin_review(change: Change, fields: Review, why: Written) -> Record[Review]:
    """A draft. Raises `RecordRefused` where one is under way."""
    under_way = await records.listed(change.connection, change.site_id, Review, states=(DRAFT, SIGNING), most=1)
    if under_way:
        raise RecordRefused(f"review {under_way[0].number} is under way; complete it first")
    due_us = why.at_us + DRAFT_DAYS * DAY_US
    return await records.add(change, fields, why, state=DRAFT, subject=subject_of(fields), due_us=due_us)


async def save_review(
    change: Change, number: int, version: int, given: Mapping[str, Any], why: Written
) -> Record[Review]:
    """Writes the fields of a draft. Signatures are for a text: a change of it takes them away.

    Raises `ReviewSigned`, `FieldsRefused`, `RecordChanged`.
    """
    found = await _open(change, number, version)
    held = found.fields
    kept = {one.name: getattr(held, one.name) for one in REVIEW_FORM}
    fields = read_form(Review, REVIEW_FORM, {**kept, **given}, is_draft=True).model_copy(
        update={"sources": held.sources, "began_us": held.began_us}
    )
    return await records.update(
        change, found, fields, why, state=DRAFT, subject=subject_of(fields), due_us=found.due_us
    )


async def sign_review(
    change: Change, number: int, version: int, signature: Signature, why: Written
) -> tuple[Record[Review], bool]:
    """Adds a signature; whether all who must have signed now. Then the review is in force until its next date.

    Raises `ReviewSigned` for a second signature of a person, `FieldsRefused` while something is missing.
    """
    found = await _open(change, number, version)
    if any(one.who == signature.who for one in found.fields.signatures):
        raise ReviewSigned(f"you have signed review {number} already; another person signs next")
    _refuse_incomplete(found.fields, signature.at_us)
    fields = found.fields.model_copy(update={"signatures": (*found.fields.signatures, signature)})
    is_complete = not missing_signers(fields)
    due_us = due_at_end_of(fields.next_on) if is_complete else found.due_us
    made = await records.update(change, found, fields, why, state=SIGNED if is_complete else SIGNING, due_us=due_us)
    if is_complete:
        await _end_earlier(change, made, why)
    return made, is_complete


def missing_signers(fields: Review) -> tuple[str, ...]:
    """Who has to sign still."""
    signed = {role for one in fields.signatures for role in one.roles}
    missing = [words for words, roles in SIGNERS if not signed & roles]
    if not missing and len(fields.signatures) < LEAST_SIGNATURES:
        missing.append("a second person")
    return tuple(missing)


def subject_of(fields: Review) -> str:
    """What a calendar says of it."""
    return dict(TRIGGERS)[fields.trigger]


async def _open(change: Change, number: int, version: int) -> Record[Review]:
    found = await records.get(change.connection, change.site_id, Review, number)
    if found.state == SIGNED:
        raise ReviewSigned(f"review {number} is signed by all; what is new belongs in a new review")
    if found.version != version:
        raise RecordChanged(f"review {number} was changed in the meantime; read it again")
    return found


def _refuse_incomplete(fields: Review, now_us: int) -> None:
    missing = missing_of(REVIEW_FORM, {name: getattr(fields, name) for name in Review.model_fields})
    mistakes = [f"{one.name}: fill in “{one.words}”" for one in missing]
    today = dt.datetime.fromtimestamp(now_us / 1_000_000, dt.UTC).date()
    if fields.next_on is not None and not today < fields.next_on <= today + dt.timedelta(days=MOST_DAYS_TO_NEXT):
        mistakes.append("next_on: a day after today, and at most a year from now")
    if mistakes:
        raise FieldsRefused("review", tuple(mistakes))


async def _end_earlier(change: Change, made: Record[Review], why: Written) -> None:
    """A review that is signed takes the place of the ones before it: no one has to act on these again."""
    earlier: Collection[Record[Review]] = await records.listed(
        change.connection, change.site_id, Review, states=(SIGNED,), before=made.number
    )
    for one in earlier:
        if one.due_us is not None:
            await records.update(change, one, one.fields, why, due_us=None)
