"""Reviews of filtering and monitoring: begun with the system's own data, written, signed by people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from schoolgate.governance import record_store as records
from schoolgate.governance.plain_form import FormField, LongText, without_persons
from schoolgate.governance.record_store import Record
from schoolgate.governance.review import REVIEW_FORM, Review, Signature, Trigger
from schoolgate.governance.review_steps import begin_review, missing_signers, save_review, sign_review
from schoolgate.operations import rights
from schoolgate.operations.governance.evidence_records import read_evidence_sources
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.governance.review_prefill import NEEDED, prefilled
from schoolgate.operations.registry import Bulk, Personal, looks
from schoolgate.operations.registry import records as recorded
from schoolgate.operations.work import Work


@dataclass(frozen=True)
class SignatureShown:
    """`who`: the name; "" where identities are not shown."""

    who: str
    roles: tuple[str, ...]
    at_us: int
    is_yours: bool


@dataclass(frozen=True)
class ReviewShown:
    """`fields` by name, as text; `sources`: the query of each that was filled in by the system. `waits_for`: who has to
    sign still. `due_us`: when the next step, or the next review, is due; microseconds since 1970."""

    number: int
    version: int
    state: str
    created_us: int
    changed_us: int
    due_us: int | None
    fields: dict[str, Any]
    sources: dict[str, str]
    signatures: tuple[SignatureShown, ...]
    waits_for: tuple[str, ...]


@dataclass(frozen=True)
class ReviewPage:
    """One review with the form that shows it."""

    review: ReviewShown
    form: tuple[FormField, ...]


@dataclass(frozen=True)
class ReviewRow:
    """A line of the list."""

    number: int
    state: str
    trigger: str
    created_us: int
    due_us: int | None
    next_on: str | None
    signatures: int


@looks("review.list")
async def list_reviews(work: Work, before: Number | None = None) -> tuple[ReviewRow, ...]:
    """Reviews, newest first, a hundred at a time."""
    store = await work.store()
    async with store.reading() as connection:
        found = await records.listed(connection, store.site_id, Review, before=before)
    return tuple(_row(one) for one in found)


@looks("review.show")
async def show_review(work: Work, number: Number) -> ReviewPage:
    """One review. Raises `NoSuchRecord`."""
    store = await work.store()
    async with store.reading() as connection:
        found = await records.get(connection, store.site_id, Review, number)
    return ReviewPage(_shown(work, found), REVIEW_FORM)


@recorded("review.begin")
async def begin(work: Work, trigger: Trigger = "annual", detail: Annotated[LongText, Bulk] = "") -> ReviewShown:
    """Begins a review, with what the system knows filled in. Raises `RecordRefused` while one is under way."""
    sources = await read_evidence_sources(work, NEEDED)
    texts, queries = prefilled(sources)
    fields = Review(trigger=trigger, trigger_detail=detail, sources=queries, began_us=work.now_us, **texts)
    async with (await work.store()).change() as change:
        made = await begin_review(change, fields, entry_of(work, "review.begin", trigger=trigger))
    return _shown(work, made)


@recorded("review.save")
async def save(work: Work, number: Number, version: Number, fields: Annotated[dict[str, Any], Personal]) -> ReviewShown:
    """Writes fields of a review; signatures of the text before are taken away.

    Raises `FieldsRefused`, `ReviewSigned`, `RecordChanged`.
    """
    async with (await work.store()).change() as change:
        made = await save_review(change, number, version, fields, entry_of(work, "review.save"))
    return _shown(work, made)


@recorded("review.sign")
async def sign(work: Work, number: Number, version: Number) -> ReviewShown:
    """Signs a review, each person once. Raises `ReviewSigned`, `FieldsRefused`, `RecordChanged`."""
    actor = work.actor
    signature = Signature(
        who=actor.id, name=actor.name, roles=tuple(sorted(one.value for one in actor.roles)), at_us=work.now_us
    )
    async with (await work.store()).change() as change:
        why = entry_of(work, "review.sign", roles=list(signature.roles))
        made, _ = await sign_review(change, number, version, signature, why)
    return _shown(work, made)


def _row(found: Record[Review]) -> ReviewRow:
    fields = found.fields
    next_on = fields.next_on.isoformat() if fields.next_on else None
    return ReviewRow(
        found.number, found.state, fields.trigger, found.created_us, found.due_us, next_on, len(fields.signatures)
    )


def _shown(work: Work, found: Record[Review]) -> ReviewShown:
    sees = rights.sees_identities(work.actor.roles, "review.show")
    fields = {one.name: found.fields.model_dump(mode="json")[one.name] for one in REVIEW_FORM}
    signatures = tuple(
        SignatureShown(one.name if sees else "", one.roles, one.at_us, one.who == work.actor.id)
        for one in found.fields.signatures
    )
    return ReviewShown(
        found.number, found.version, found.state, found.created_us, found.changed_us, found.due_us,
        fields if sees else without_persons(REVIEW_FORM, fields), found.fields.sources, signatures,
        missing_signers(found.fields),
    )  # fmt: skip
