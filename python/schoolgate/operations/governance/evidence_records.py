"""What evidence reads of records, accounts and the audit log, each by the query that it names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from schoolgate.accounts.roles import NEEDS_SECOND_FACTOR
from schoolgate.errors import SchoolgateError
from schoolgate.evidence.sources import Source, Sources
from schoolgate.governance import record_store as records
from schoolgate.governance.due_calendar import counts_by_kind
from schoolgate.governance.record_store import Fields, Record
from schoolgate.governance.registers import (
    CURRENT,
    POSTS,
    STATUTORY,
    AupNotice,
    Responsibility,
    Risk,
    Supplier,
    Training,
    unfilled_posts,
)
from schoolgate.governance.review import REVIEW_FORM, Review
from schoolgate.governance.review_steps import SIGNED
from schoolgate.operations import openings
from schoolgate.operations.accounts.accounts import list_accounts
from schoolgate.operations.governance.actions import count_actions
from schoolgate.operations.governance.decision_rows import decision_rows
from schoolgate.operations.governance.evidence_sources import as_json, read_sources
from schoolgate.operations.work import Work
from schoolgate.storage import audit_reading

# Lines of a register that are looked at.
MOST_LINES = 5_000
# Who took part stays in the record.
_LEFT_OUT = frozenset({"attendees", "next_on", "trigger"})

F = TypeVar("F", bound=Fields)


async def read_evidence_sources(
    work: Work, wanted: Collection[str], more: Mapping[str, Source] | None = None
) -> Sources:
    """The named sources, of files and of records. One that fails says why and stops no other. `more`: those that were
    read elsewhere. Raises `KeyError` for a name that nothing reads."""
    records = await _read_records(work, [name for name in wanted if name in RECORD_READERS])
    return await read_sources(work, [name for name in wanted if name not in records], {**records, **(more or {})})


async def _read_records(work: Work, wanted: Collection[str]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name in wanted:
        query, read = RECORD_READERS[name]
        try:
            found[name] = Source(query, as_json(await read(work)))
        except SchoolgateError as error:
            found[name] = Source(query, problem=str(error))
    return found


async def _review(work: Work) -> dict[str, Any]:
    store = await work.store()
    async with store.reading() as connection:
        signed = await records.listed(connection, store.site_id, Review, states=(SIGNED,), most=1)
    if not signed:
        return {"number": None, "signed_on": None, "next_on": None, "is_overdue": False, "signers": "", "texts": []}
    found, fields = signed[0], signed[0].fields
    roles = sorted({role.replace("_", " ") for one in fields.signatures for role in one.roles})
    return {
        "number": found.number,
        "signed_on": _day(max(one.at_us for one in fields.signatures)),
        "next_on": fields.next_on,
        "is_overdue": found.due_us is not None and found.due_us <= work.now_us,
        "signers": ", ".join(roles),
        "texts": [
            {"words": one.words, "text": str(getattr(fields, one.name))}
            for one in REVIEW_FORM
            if one.name not in _LEFT_OUT and getattr(fields, one.name)
        ],
    }


async def _registers(work: Work) -> dict[str, Any]:
    held: dict[type[Fields], Any] = {
        model: await _lines(work, model) for model in (Responsibility, Training, AupNotice, Supplier, Risk)
    }

    def overdue(model: type[Fields]) -> int:
        return sum(one.due_us is not None and one.due_us <= work.now_us for one in held[model])

    named: dict[str, Any] = {"statutory_posts": len(STATUTORY)}
    for name, model in (("training", Training), ("notices", AupNotice), ("suppliers", Supplier), ("risks", Risk)):
        late = overdue(model)
        named |= {f"{name}_current": len(held[model]) - late, f"{name}_overdue": late}
    posts = [one.fields for one in held[Responsibility] if isinstance(one.fields, Responsibility)]
    supplies = [one.fields for one in held[Supplier] if isinstance(one.fields, Supplier)]
    return {
        **named,
        "unfilled_posts": unfilled_posts(posts, work.now.date()),
        "posts": [
            {
                "post": dict(POSTS)[one.post],
                "duties": one.duties,
                "person": one.person,
                "deputy": one.deputy,
                "organisation": one.organisation,
                "accepted": _text(one.accepted_on),
            }
            for one in posts
        ],
        "suppliers": [
            {"what": one.what, "supplier": one.supplier, "type": one.type.replace("_", " "), "ends": _text(one.ends_on)}
            for one in supplies
        ],
    }


async def _kinds(work: Work) -> dict[str, dict[str, int]]:
    store = await work.store()
    async with store.reading() as connection:
        return await counts_by_kind(connection, store.site_id)


async def _accounts(work: Work) -> dict[str, int]:
    found = [one for one in await list_accounts(work) if one.state == "active"]
    bare = [
        one
        for one in found
        if not (one.factors.has_totp or one.factors.passkeys)
        and {grant.role for grant in one.grants if grant.state == "active"} & NEEDS_SECOND_FACTOR
    ]
    return {"active": len(found), "without_factor": len(bare)}


async def _audit(work: Work) -> dict[str, int]:
    store = await work.store()
    return {
        "entries": await audit_reading.count_of(store, ""),
        "reveals": await audit_reading.count_of(store, "log.reveal", "done"),
        "sign_ins": await audit_reading.count_of(store, "session."),
    }


async def _lines(work: Work, model: type[F]) -> list[Record[F]]:
    store = await work.store()
    async with store.reading() as connection:
        return await records.listed(connection, store.site_id, model, states=(CURRENT,), most=MOST_LINES)


def _day(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us / 1_000_000, dt.UTC).date().isoformat()


def _text(day: dt.date | None) -> str:
    return "" if day is None else day.isoformat()


RECORD_READERS: Final[Mapping[str, tuple[str, Callable[[Work], Awaitable[Any]]]]] = {
    "review": ("review.list, the newest that is signed", _review),
    "registers": ("register.list of each kind", _registers),
    "actions": ("action.list", count_actions),
    "kinds": ("records, counted by kind and state", _kinds),
    "decisions": ("register.decisions", decision_rows),
    "accounts": ("account.list", _accounts),
    "audit": ("audit.log, counted", _audit),
    "openings": ("settings.show operations, and accounts that decide", openings.who_opens),
}
