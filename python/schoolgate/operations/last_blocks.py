"""The why page: what one device was refused in the last minute, told to that device alone; and a code for the teacher.

The address is that of the connection, as the console's process knows it. Nothing in an answer says who or which device;
an answer that may not be given looks like one where there was no block.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import Field

from schoolgate.errors import SchoolgateError
from schoolgate.operations.errors import OperationProblem
from schoolgate.operations.log.log_rows import opened
from schoolgate.operations.policies.policy_in_force import PolicyInForce, policy_in_force
from schoolgate.operations.registry import anyone, looks
from schoolgate.operations.work import Work
from schoolgate.pages.kinds import kind_of
from schoolgate.pages.nonces import Nonces
from schoolgate.pages.pupil_codes import AskedFor, PupilCodes, TooManyTries
from schoolgate.pages.sayable import WITHIN_S, KnownBy, LastBlock, NonceSeen, Place, Reason, reason_to_say
from schoolgate.policy.listed import Category
from schoolgate.querylog import Query, QueryLog, Row
from schoolgate.querylog.log_query import DENIALS

# Looks at the log for people without an account, at once: each is a process for a moment.
MOST_LOOKS: Final = 2

_nonces = Nonces()
_codes = PupilCodes()
_looks = threading.BoundedSemaphore(MOST_LOOKS)

Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]


class PagesBusy(OperationProblem):
    """Too many devices ask why at once."""


class NoSuchCode(OperationProblem):
    """No pupil has a code that reads so, or its hour is over."""


@dataclass(frozen=True)
class NonceIssued:
    """`name`: what the device has to ask for; "" where nothing can be shown to it, so that nothing needs to be asked.
    `nonce`: what it gives back."""

    nonce: str
    name: str


@dataclass(frozen=True)
class BlockSaid:
    """The last block of the device that asks. `reason`: kind, own, while or unknown. `kind`: of site, "" without one.

    `segment`, `policy`: for a request to open it."""

    name: str
    reason: Reason
    kind: str
    segment: str


@dataclass(frozen=True)
class BlockLooked:
    """`said`: None where there was no block, or where nothing may be said of it: these look the same."""

    said: BlockSaid | None


@dataclass(frozen=True)
class CodeShown:
    """`code`: None where there is nothing to ask for. `until`: ISO 8601, UTC."""

    code: str | None
    until: str | None


@dataclass(frozen=True)
class PupilAsked:
    """What a pupil's code stands for; fields as in `BlockSaid`. `until`: ISO 8601, UTC."""

    name: str
    segment: str
    reason: str
    kind: str
    until: str


@anyone("pages.nonce")
def nonce(work: Work) -> NonceIssued:
    """A name for the asking device to ask for while the why page is open; good for a minute."""
    pages, address = work.settings.pages, _address(work)
    if not address or not pages.nonce_parent or not pages.one_device_segments:
        return NonceIssued("", "")
    made = _nonces.issue(address, work.now_us)
    return NonceIssued(made, f"{made}.{pages.nonce_parent}")


@anyone("pages.last_block")
def last_block(work: Work, nonce: Nonce) -> BlockLooked:
    """The last block of the asking device within a minute, where all conditions of pages/sayable.py hold.

    Raises `PagesBusy`.
    """
    said = _said(work, nonce)
    if said is not None:
        asked_for = AskedFor(said.name, said.segment, said.reason, said.kind)
        _codes.offer(nonce, _address(work), asked_for, work.now_us)
    return BlockLooked(said)


@anyone("pages.ask_teacher")
def ask_teacher(work: Work, nonce: Nonce) -> CodeShown:
    """A short code for what `pages.last_block` said to this device by this nonce in the last ten minutes."""
    asked_for = _codes.offered(nonce, _address(work), work.now_us)
    if asked_for is None:
        return CodeShown(None, None)
    made = _codes.code_for(asked_for, work.now_us)
    return CodeShown(made.code, _until(made.until_us))


@looks("pages.asked")
def asked(work: Work, code: Annotated[str, Field(max_length=40)]) -> PupilAsked:
    """What a pupil's code stands for. Raises `NoSuchCode`."""
    try:
        found = _codes.look(code, work.actor.id, work.now_us)
    except TooManyTries:
        raise NoSuchCode("too many codes that are none; try again in ten minutes") from None
    if found is None:
        raise NoSuchCode("there is no such code, or its hour is over; ask the pupil for a new one")
    one, until_us = found
    return PupilAsked(one.name, one.segment, one.reason, one.kind, _until(until_us))


def _said(work: Work, nonce: str) -> BlockSaid | None:
    address = _address(work)
    issued_us = _nonces.issued_at_us(nonce, address, work.now_us) if address else None
    if issued_us is None:
        return None
    if not _looks.acquire(blocking=False):
        raise PagesBusy("too many devices ask at once; try again in a moment")
    try:
        return _looked(work, address, f"{nonce}.{work.settings.pages.nonce_parent}", issued_us)
    finally:
        _looks.release()


def _looked(work: Work, address: str, name: str, issued_us: int) -> BlockSaid | None:
    from schoolgate.policy import load_catalogue

    # A second before: clocks of rows are those of another process.
    issued = dt.datetime.fromtimestamp(issued_us / 1e6, dt.UTC) - dt.timedelta(seconds=1)
    with opened(work) as log:
        seen = _newest(log, Query(since=issued, client=address, name=name, match="exact"))
        if seen is None:
            return None
        since = work.now - dt.timedelta(seconds=WITHIN_S)
        row = _newest(log, Query(since=since, client=address, actions=DENIALS))
    if row is None or row.segment not in work.settings.pages.one_device_segments:
        return None
    categories = load_catalogue(work.settings.lists.dir).categories
    block = _block(work, row, address, categories)
    reason = reason_to_say(block, _place(work, row), NonceSeen(seen.segment, _age_s(work, seen)))
    if reason is None:
        return None
    found = categories.get(row.category or "")
    return BlockSaid(row.qname, reason, kind_of(found) if found and reason == "kind" else "", row.segment)


def _newest(log: QueryLog, query: Query) -> Row | None:
    return next(iter(log.search(query, most=1).rows), None)


def _block(work: Work, row: Row, address: str, categories: Mapping[str, Category]) -> LastBlock:
    return LastBlock(
        name=row.qname,
        layer=row.layer,
        category=row.category,
        group=_group(row.category, categories),
        segment=row.segment,
        age_s=_age_s(work, row),
        # Of an alias that led elsewhere, what is known of its end is not asked for.
        known_by=None if row.cname else _known_by(work, row.qname, address, categories),
        has_user=row.user is not None,
    )


def _known_by(work: Work, name: str, address: str, categories: Mapping[str, Category]) -> tuple[KnownBy, ...] | None:
    """Every layer that knows the name now; None where that cannot be found out."""
    from schoolgate.checks.explaining import explained, local_address
    from schoolgate.checks.following import Question

    try:
        question = Question(name, 1, address, local_address(None, work.settings))
        decision = explained(work.settings, work.config, question, None, False).explanation["decision"]
    except (SchoolgateError, ValueError):
        return None
    if decision is None:
        return None
    matched = decision.get("matched", ())
    return tuple(KnownBy(one["layer"], one["category"], _group(one["category"], categories)) for one in matched)


def _place(work: Work, row: Row) -> Place:
    found = policy_in_force(work)
    segment = found.document.segments.get(row.segment)
    if segment is None:
        return Place(False, 0, ())
    policies = {one for policy in (row.policy, segment.policy) for one in _lineage(found, policy)}
    return Place(True, segment.rate_limit.devices, tuple(sorted(policies)))


def _lineage(found: PolicyInForce, policy: str) -> tuple[str, ...]:
    return (policy, *found.checked.lineages.get(policy, ()))


def _group(category: str | None, categories: Mapping[str, Category]) -> str:
    found = categories.get(category or "")
    return "" if found is None else found.group


def _age_s(work: Work, row: Row) -> float:
    """Not below zero: a row may be written while the question is asked."""
    return max(0.0, (work.now - row.time).total_seconds())


def _address(work: Work) -> str:
    """The peer's, as the console's process says; "" for what is no address."""
    try:
        return str(ip_address(work.caller.address))
    except ValueError:
        return ""


def _until(us: int) -> str:
    return dt.datetime.fromtimestamp(us / 1e6, dt.UTC).isoformat()
