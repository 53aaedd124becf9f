"""Reports by staff: file one, work on it, close it with an answer that goes back to its reporter.

Each kind goes to roles (`governance/tickets.py`). All staff may file, and see their own; those of a kind's roles see,
note and close it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_core import PydanticCustomError

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import message_and_remedy
from schoolgate.governance import tickets
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.governance.steps import Step, followed, noted, with_entries
from schoolgate.governance.tickets import Ticket, TicketKind, TicketOutcome
from schoolgate.operations.registry import Personal, changes, looks, records, sees
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone

if TYPE_CHECKING:
    from schoolgate.governance.record_store import Record

# A block until someone has looked at it: after a month that is a decision, which belongs in the policy.
MOST_BLOCK_DAYS = 28
# A block ends when the school does on the day of its review.
REVIEW_AT = dt.time(17)
MOST_ROWS = 100
# Characters by which a report of a list is told from another.
IN_LIST = 100
_READ_AT_ONCE = 100
_TITLES = {
    TicketKind.accessed: "unsuitable material that was seen",
    TicketKind.accessible: "unsuitable material that is open",
    TicketKind.failure: "a failure or abuse of the system",
    TicketKind.restriction: "a site that is closed without reason",
    TicketKind.wording: "words that get past the filter",
    TicketKind.security: "a suspected breach of security",
}

Kind = Literal["accessed", "accessible", "failure", "restriction", "wording", "security"]
Outcome = Literal["changed", "stays", "known", "passed-on", "not-found"]
State = Literal["open", "closed"]
Text = Annotated[str, Field(max_length=tickets.LONGEST_TEXT), Personal]
Short = Annotated[str, Field(max_length=500)]


@dataclass(frozen=True)
class TicketShown:
    """One report by staff. Times in microseconds since 1970, UTC. `may_work`: whether the caller works on it; who
    filed it and does not sees its answer and no other notes. `same`: open reports about the same."""

    number: int
    version: int
    kind: str
    state: str
    text: str
    site: str
    address: str
    word: str
    group: str
    reporter: str
    filed_us: int
    due_us: int | None
    is_overdue: bool
    outcome: str | None
    answer: str
    blocked_until_us: int | None
    is_own: bool
    may_work: bool
    steps: tuple[Step, ...]
    same: tuple[int, ...] = ()


@dataclass(frozen=True)
class TicketPage:
    """Newest first. `before`: what gets the next page; None where there is none."""

    tickets: tuple[TicketShown, ...]
    before: int | None


@dataclass(frozen=True)
class TicketCounts:
    """Of the reports that the caller works on: `open` by kind, and how many of them should have been answered."""

    open: dict[str, int]
    overdue: int


@dataclass(frozen=True)
class TicketBlocked:
    """`revision`: of the policy; None where the site was closed already. `until`: ISO 8601."""

    ticket: TicketShown
    revision: int | None
    until: str

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"revision": self.revision, "until": self.until, "ticket": self.ticket.number}


@records("ticket.file")
async def file(
    work: Work, kind: Kind, text: Text, site: Annotated[Short, Personal] = "", word: Annotated[Short, Personal] = "",
    group: Short = "",
) -> TicketShown:  # fmt: skip
    """Files a report; those of its kind's roles are informed. `site`: its name, or an address as the browser shows it.

    Raises `RecordRefused`: nothing is said, it is no site, or too many were filed today.
    """
    from schoolgate.governance import record_store
    from schoolgate.operations.governance.notice_mails import mail_roles

    of_kind, name = TicketKind(kind), site_of(site)
    if not (text.strip() or name or word.strip()):
        raise RecordRefused("say what you saw, or which site or word it is about")
    store = await work.store()
    step = Step(at_us=work.now_us, who=work.actor.id, name=work.actor.name, what=tickets.FILED)
    fields = Ticket(
        kind=of_kind, text=text.strip(), site=name, address=site.strip() if site.strip() != name else "",
        word=word.strip(), group=group.strip(), reporter=work.actor.name, steps=(step,),
    )  # fmt: skip
    why = record_store.written(
        "ticket.file", work.actor.id, work.now_us, {"reporter": work.actor.name}, about=kind, step=step.digest
    )
    async with store.change() as change:
        await tickets.refuse_too_many(change.connection, store.site_id, work.actor.id, work.now_us)
        made = await record_store.add(
            change, fields, why, state=tickets.OPEN, subject=name or fields.word.casefold(),
            due_us=tickets.due_us(of_kind, work.now_us),
        )  # fmt: skip
    said = f"Report {made.number} waits: {_TITLES[of_kind]}."
    await mail_roles(work, tickets.ROUTES[of_kind], f"ticket-{made.number}", f"A report of staff: {of_kind}", said)
    return _shown(work, made)


@looks("ticket.own")
async def own(
    work: Work, before: int | None = None, most: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 25
) -> TicketPage:
    """What the caller filed, with the answers."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        numbers = await tickets.filed_by(connection, store.site_id, work.actor.id, before, most + 1)
        found = [await record_store.get(connection, store.site_id, Ticket, one) for one in numbers[:most]]
    return TicketPage(tuple(_shown(work, one) for one in found), numbers[most - 1] if len(numbers) > most else None)


@looks("ticket.list")
async def list_tickets(
    work: Work, states: tuple[State, ...] = ("open",), kind: Kind | None = None, before: int | None = None,
    most: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 25,
) -> TicketPage:  # fmt: skip
    """Reports of the kinds that the caller works on, newest first.

    With the begin of the text, and without what was noted and answered: to read one is on record.
    """
    found: list[Record[Ticket]] = []
    async for one in _routed(work, states, before):
        if kind in (None, one.fields.kind):
            found.append(one)
        if len(found) > most:
            break
    shown = tuple(_in_list(_shown(work, one)) for one in found[:most])
    return TicketPage(shown, shown[-1].number if len(found) > most else None)


@looks("ticket.counts")
async def counts(work: Work) -> TicketCounts:
    """How many reports wait for the caller's roles."""
    by_kind: dict[str, int] = {}
    overdue = 0
    async for one in _routed(work, (tickets.OPEN,), None):
        by_kind[one.fields.kind.value] = by_kind.get(one.fields.kind.value, 0) + 1
        overdue += _is_overdue(work, one)
    return TicketCounts(by_kind, overdue)


@sees("ticket.show")
async def show(work: Work, number: int) -> TicketShown:
    """One report, for its reporter and those who work on it. Raises `NoSuchRecord`, to all others too."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, Ticket, number)
        _refuse_others(work, found)
        same = []
        if found.subject and tickets.is_for(found.fields.kind, work.actor.roles):
            alike = await record_store.listed(
                connection, store.site_id, Ticket, states=[tickets.OPEN], subject=found.subject
            )
            same = [one for one in alike if tickets.is_for(one.fields.kind, work.actor.roles)]
    return _shown(work, found, tuple(one.number for one in same if one.number != number))


@records("ticket.note")
async def note(work: Work, number: int, text: Text, version: int | None = None) -> TicketShown:
    """Notes what was done, for those who work on it. Raises `RecordRefused`, `RecordChanged`."""
    if not text.strip():
        raise RecordRefused("write what was done; a few words are enough")
    return _shown(work, await _stepped(work, number, version, "ticket.note", "noted", text, {}))


@records("ticket.close")
async def close(work: Work, number: int, outcome: Outcome, text: Text = "", version: int | None = None) -> TicketShown:
    """Closes a report. The outcome and `text` go back to its reporter. Raises `RecordRefused`, `RecordChanged`."""
    from schoolgate.operations.governance.notice_mails import mail_actor

    values = {"outcome": TicketOutcome(outcome), "answer": noted(text)}
    closed = await _stepped(work, number, version, "ticket.close", tickets.ANSWERED, text, values, state=tickets.CLOSED)
    said = f"Your report {number} was answered."
    await mail_actor(work, closed.created_by, f"ticket-{number}-closed", "Your report was answered", said)
    return _shown(work, closed)


@changes("ticket.block")
async def block(
    work: Work, number: int, review: dt.date, segments: tuple[str, ...] = (), version: int | None = None
) -> TicketBlocked:
    """Blocks a report's site until the day of its review, for these segments; none is the whole school.

    Raises `RecordRefused`, and what `policy.block` raises.
    """
    from schoolgate.operations.policies.quick_policy import block as block_name

    found = await _for_work(work, number, version)
    fields = tickets.open_of(found)
    if not fields.site:
        raise RecordRefused(f"report {number} names no site; write the site in Block a site")
    end = _end_of_review(work, review)
    reason = f"report {number} of staff, until it is looked at"
    made = await asyncio.to_thread(block_name, work, fields.site, segments, end.isoformat(), None, reason)
    end_us = int(end.timestamp()) * 1_000_000
    said = f"until {end:%d %B %Y %H:%M}" if made.applied is not None else "it was closed already"
    kept = await _stepped(
        work, number, found.version, "ticket.block", tickets.BLOCKED, said,
        {"blocked_until_us": end_us}, due_us=end_us,
    )  # fmt: skip
    revision = made.applied.revision if made.applied is not None else None
    return TicketBlocked(_shown(work, kept), revision, end.isoformat())


def site_of(text: str) -> str:
    """The name of a site, from a name or from an address as a browser shows it; "" of "". Raises `RecordRefused`."""
    text = text.strip()
    if not text:
        return ""
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or ""
        return parse_domain_name(host)
    except PydanticCustomError as error:
        why = message_and_remedy(error)[0]
    except ValueError:
        why = f"{text[:80]!r} is no address"
    raise RecordRefused(f"{why}; write the site alone, such as games.example.com, or leave it out and describe it")


def _end_of_review(work: Work, review: dt.date) -> dt.datetime:
    """Raises `RecordRefused` for a day that has passed, and one too far away."""
    zone = school_zone(work.settings) or ZoneInfo("UTC")
    today = work.now.astimezone(zone).date()
    end = dt.datetime.combine(review, REVIEW_AT, zone)
    if end <= work.now:
        raise RecordRefused(f"{review} has passed; choose a day after {today}")
    if (review - today).days > MOST_BLOCK_DAYS:
        raise RecordRefused(f"a block for now ends within {MOST_BLOCK_DAYS} days; for longer, change the policy")
    return end


async def _routed(work: Work, states: Collection[str], before: int | None) -> Any:
    """Reports of the kinds that the caller works on, newest first."""
    from schoolgate.governance import record_store

    store = await work.store()
    while True:
        async with store.reading() as connection:
            found = await record_store.listed(
                connection, store.site_id, Ticket, states=states, before=before, most=_READ_AT_ONCE
            )
        for one in found:
            if tickets.is_for(one.fields.kind, work.actor.roles):
                yield one
        if len(found) < _READ_AT_ONCE:
            return
        before = found[-1].number


async def _for_work(work: Work, number: int, version: int | None) -> Record[Ticket]:
    """Raises `NoSuchRecord` to who does not work on it, `RecordChanged` where another version was looked at."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, Ticket, number)
    if not tickets.is_for(found.fields.kind, work.actor.roles):
        raise _not_theirs(found)
    if version not in (None, found.version):
        raise RecordChanged(f"report {number} was changed in the meantime; read it again")
    return found


async def _stepped(
    work: Work, number: int, version: int | None, operation: str, what: str, text: str, values: dict[str, Any],
    *, state: str | None = None, due_us: int | None = None,
) -> Record[Ticket]:  # fmt: skip
    from schoolgate.governance import record_store

    found = await _for_work(work, number, version)
    fields = tickets.open_of(found)
    step = Step(at_us=work.now_us, who=work.actor.id, name=work.actor.name, what=what, note=noted(text))
    steps = followed(found, fields.steps, step, is_needed=state == tickets.CLOSED)
    after = fields.model_copy(update={**values, "steps": steps})
    why = record_store.written(
        operation, work.actor.id, work.now_us, {"actor_name": work.actor.name}, step=step.digest,
        outcome_of=str(values.get("outcome", "")),
    )  # fmt: skip
    due = None if state == tickets.CLOSED else due_us or found.due_us
    store = await work.store()
    async with store.change() as change:
        return await record_store.update(change, found, after, why, state=state, due_us=due)


def _refuse_others(work: Work, found: Record[Ticket]) -> None:
    if found.created_by != work.actor.id and not tickets.is_for(found.fields.kind, work.actor.roles):
        raise _not_theirs(found)


def _not_theirs(found: Record[Ticket]) -> NoSuchRecord:
    from schoolgate.governance import record_store

    return record_store.no_such(Ticket, found.number)


def _is_overdue(work: Work, found: Record[Ticket]) -> bool:
    return found.state == tickets.OPEN and found.due_us is not None and found.due_us < work.now_us


def _in_list(one: TicketShown) -> TicketShown:
    # Where a site or a word is named, the list shows that.
    text = "" if one.site or one.word else one.text[:IN_LIST]
    return replace(one, text=text, address="", answer="", steps=())


def _shown(work: Work, found: Record[Ticket], same: tuple[int, ...] = ()) -> TicketShown:
    fields, may_work = found.fields, tickets.is_for(found.fields.kind, work.actor.roles)
    steps = with_entries(found, fields.steps)
    if not may_work:
        steps = tuple(one for one in steps if one.what in (tickets.FILED, tickets.ANSWERED, tickets.BLOCKED))
    return TicketShown(
        number=found.number, version=found.version, kind=fields.kind.value, state=found.state, text=fields.text,
        site=fields.site, address=fields.address, word=fields.word, group=fields.group, reporter=fields.reporter,
        filed_us=found.created_us, due_us=found.due_us, is_overdue=_is_overdue(work, found),
        outcome=fields.outcome.value if fields.outcome is not None else None, answer=fields.answer,
        blocked_until_us=fields.blocked_until_us, is_own=found.created_by == work.actor.id, may_work=may_work,
        steps=steps, same=same,
    )  # fmt: skip
