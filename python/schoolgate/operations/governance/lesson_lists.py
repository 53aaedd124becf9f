"""Lists of sites for lessons: proposed by one person, agreed to by another who approves, ended by either."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import Role
from schoolgate.config.problems import did_you_mean
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.lesson_list import AGREED, ENDED, LONGEST, PROPOSED, LessonList, rules_of
from schoolgate.governance.record_store import Record
from schoolgate.operations.actor import local_name
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.governance import lesson_sites
from schoolgate.operations.governance.notice_mails import mail_actor, mail_roles
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.policies.policy_in_force import PolicyInForce, policy_in_force
from schoolgate.operations.registry import Personal, looks, records
from schoolgate.operations.work import Work
from schoolgate.policy.lesson_opening import LessonWanted

if TYPE_CHECKING:
    from schoolgate.storage.store import Change

Short = Annotated[str, Field(max_length=300)]
APPROVERS = frozenset({Role.safeguarding_lead, Role.head, Role.trust_director})
MOST_LISTS = 200
MOST_SEGMENTS = 50


@dataclass(frozen=True)
class LessonListShown:
    """A list. `until`: its last day; `may_agree`, `may_end`: by the caller. `agreed_by`: "" before that."""

    number: int
    version: int
    state: str
    title: str
    purpose: str
    names: tuple[str, ...]
    segments: tuple[str, ...]
    until: dt.date
    proposed_by: str
    agreed_by: str
    is_over: bool
    may_agree: bool
    may_end: bool


@looks("lesson.lists")
async def lists(work: Work, is_all: bool = False) -> tuple[LessonListShown, ...]:
    """Lists that wait or are agreed to, newest first; `is_all`: those that ended too."""
    from schoolgate.governance import record_store

    store = await work.store()
    states = () if is_all else (PROPOSED, AGREED)
    async with store.reading() as connection:
        found = await record_store.listed(connection, store.site_id, LessonList, states=states, most=MOST_LISTS)
    return tuple(_shown(work, one) for one in found)


@records("lesson.propose_list")
async def propose(
    work: Work, title: Short, purpose: Short, names: Annotated[tuple[Short, ...], Field(max_length=200)],
    segments: Annotated[tuple[Short, ...], Field(max_length=MOST_SEGMENTS)], until: dt.date | None = None,
) -> LessonListShown:  # fmt: skip
    """Proposes sites that a lesson may open; nothing is open by it. An approver agrees to it.

    `until`: its last day, a year from now at most and by default. Raises `RecordRefused`, `PolicyRefused`.
    """
    from schoolgate.governance import record_store

    today = work.now.date()
    until = until or today + dt.timedelta(days=365)
    if not title.strip() or not purpose.strip():
        raise RecordRefused("say what the list is called, and what lessons it is for")
    if not today <= until <= today + LONGEST:
        raise RecordRefused(f"{until} is no end of a list; choose a day within a year")
    rules, wanted = rules_of(names), tuple(dict.fromkeys(one for one in segments if one))
    await asyncio.to_thread(_refuse_unfit, work, title, rules, wanted)
    fields = LessonList(
        title=title, purpose=purpose, names=rules, segments=wanted, until=until, proposed_name=work.actor.name
    )
    store = await work.store()
    async with store.change() as change:
        held = await record_store.count(change.connection, store.site_id, LessonList, states=(PROPOSED, AGREED))
        if held >= MOST_LISTS:
            raise RecordRefused(f"a school may have {MOST_LISTS} lists; end some that no one uses")
        made = await record_store.add(change, fields, entry_of(work, "lesson.propose_list"), state=PROPOSED)
    text = f"A list of sites for lessons waits for an approver: list {made.number}."
    await mail_roles(work, APPROVERS, f"lesson-list-{made.number}", "A list for lessons waits for you", text)
    return _shown(work, made)


@records("lesson.agree_list")
async def agree(work: Work, number: Number, version: Number) -> LessonListShown:
    """Agrees to a list that another person proposed: teachers may open it for lessons from now on.

    Raises `NoSuchRecord`, `RecordChanged`, `RecordRefused`, `NotPermitted`, `ApprovalRefused`.
    """
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.change() as change:
        found = await _found(change, number, version)
        if found.state != PROPOSED:
            raise RecordRefused(f"list {number} is {found.state} already")
        if found.created_by == work.actor.id:
            raise NotPermitted("you proposed this list; another person who approves has to agree to it")
        await _refuse_agreer(work, change, found.created_by)
        if not found.fields.is_open_on(work.now.date()):
            raise RecordRefused(f"list {number} ended on {found.fields.until}; propose it anew")
        fields = found.fields.model_copy(
            update={"agreed_by": work.actor.id, "agreed_name": work.actor.name, "agreed_us": work.now_us}
        )
        made = await record_store.update(change, found, fields, entry_of(work, "lesson.agree_list"), state=AGREED)
    text = f"List {number} for lessons is agreed to; it can be opened when a lesson is announced."
    await mail_actor(work, found.created_by, f"lesson-list-{number}-agreed", "Your list for lessons", text)
    return _shown(work, made)


@records("lesson.end_list")
async def end(
    work: Work, number: Number, version: Number | None = None, reason: Annotated[Short, Personal] = ""
) -> LessonListShown:
    """Ends a list, or refuses one that waits; what lessons have open of it closes. Raises `RecordRefused`."""
    from schoolgate.governance import record_store
    from schoolgate.governance.lesson_notice import ANNOUNCED, LessonNotice

    store = await work.store()
    async with store.change() as change:
        found = await _found(change, number, version)
        if found.state == ENDED:
            raise RecordRefused(f"list {number} has ended already")
        if not _may_end(work, found):
            raise NotPermitted("another person proposed this list; an approver may end it")
        fields = found.fields.model_copy(update={"ended_why": reason.strip()})
        made = await record_store.update(change, found, fields, entry_of(work, "lesson.end_list"), state=ENDED)
        notices = await record_store.listed(
            change.connection, store.site_id, LessonNotice, states=(ANNOUNCED,), most=10_000
        )
    running = frozenset(
        one.number for one in notices if one.fields.opens == number and one.fields.until_us > work.now_us
    )
    if running:
        done = await asyncio.to_thread(lesson_sites.close_sites, work, running, f"list {number} for lessons ended")
        async with store.change() as change:
            why = entry_of(work, "lesson.close", before=done.before, after=done.after)
            made = await record_store.update(change, made, made.fields, why)
    return _shown(work, made)


async def agreed_list(work: Work, number: int) -> Record[LessonList]:
    """A list by its number. Raises `NoSuchRecord`."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        return await record_store.get(connection, store.site_id, LessonList, number)


async def _found(change: Change, number: int, version: int | None) -> Record[LessonList]:
    from schoolgate.governance import record_store

    found = await record_store.get(change.connection, change.site_id, LessonList, number)
    if version not in (None, found.version):
        raise RecordChanged(f"list {number} was changed in the meantime; read it again")
    return found


def _refuse_unfit(work: Work, title: str, names: tuple[str, ...], segments: tuple[str, ...]) -> None:
    """Raises what would stand in the way of each opening of it, so that no approver agrees to what cannot be."""
    here = policy_in_force(work)
    known = here.document.segments
    if not segments:
        raise RecordRefused("choose the networks that the list may be opened for")
    for one in segments:
        if one not in known:
            raise RecordRefused(f"there is no network {one[:80]!r}; {did_you_mean(one, known)}")
    _refuse_locked(here, names, segments)
    begins, ends = work.now, work.now + dt.timedelta(hours=1)
    wanted = LessonWanted(1, title, segments, names, work.actor.name, work.actor.name, begins, ends)
    lesson_sites.refuse_unfit(work, wanted)


def _refuse_locked(here: PolicyInForce, names: tuple[str, ...], segments: tuple[str, ...]) -> None:
    from schoolgate.policy.locks import locks_on

    for segment in segments:
        for policy in here.document.segments[segment].usual_policies:
            locks = locks_on(here.document, here.checked.lineages[policy])
            for name in names:
                lock = locks.closing(name.removeprefix("="))
                if lock is not None:
                    raise RecordRefused(f"{name} is locked ({lock[1]}); no lesson can open it")


async def _refuse_agreer(work: Work, change: Change, proposer: str) -> None:
    """Raises `ApprovalRefused` as for a request: the same person as a user of this machine, a factor that was reset
    today, a role that the proposer gave today."""
    from schoolgate.accounts import account_list
    from schoolgate.accounts.approvals import refuse_approver
    from schoolgate.accounts.roles import TRUST

    school, agreer = work.settings.accounts.school, account_list.account_id_of(work.actor.id)
    scope = f"school:{school}" if school else TRUST
    await refuse_approver(change.connection, agreer, proposer, scope, now_us=work.now_us, roles=APPROVERS)
    own, name = await account_list.by_id(change.connection, agreer), local_name(proposer)
    if name and account_list.login_key(name) == account_list.login_key(own.login):
        raise ApprovalRefused(f"the user {name} of this machine proposed it; another person agrees")


def _may_end(work: Work, found: Record[LessonList]) -> bool:
    return found.created_by == work.actor.id or bool(APPROVERS & work.actor.roles)


def _shown(work: Work, one: Record[LessonList]) -> LessonListShown:
    fields = one.fields
    may_agree = one.state == PROPOSED and one.created_by != work.actor.id and bool(APPROVERS & work.actor.roles)
    return LessonListShown(
        one.number, one.version, one.state, fields.title, fields.purpose, fields.names, fields.segments, fields.until,
        fields.proposed_name, fields.agreed_name, not fields.is_open_on(work.now.date()), may_agree,
        one.state != ENDED and _may_end(work, one),
    )  # fmt: skip
