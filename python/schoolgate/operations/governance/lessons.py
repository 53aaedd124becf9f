"""Lesson notices: announce one in under a minute, withdraw it, and what a moment's alerts are expected by."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from schoolgate.accounts.roles import Role
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.governance import lesson_notice
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.lesson_notice import ANNOUNCED, DAY_US, WITHDRAWN, LessonNotice
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.governance import lesson_sites
from schoolgate.operations.governance.lesson_lists import agreed_list
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.governance.tickets import site_of
from schoolgate.operations.policies import segments as segment_views
from schoolgate.operations.registry import looks, records
from schoolgate.operations.work import Work
from schoolgate.policy.lesson_opening import LessonWanted
from schoolgate.policy.school_zone import school_zone

if TYPE_CHECKING:
    from schoolgate.governance.lesson_list import LessonList
    from schoolgate.governance.record_store import Record
    from schoolgate.storage.store import Store

Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="14:30, of the school's clock.")]
Short = Annotated[str, Field(max_length=300)]
MOST_SITES, MOST_SEGMENTS = 20, 50
# Of one day: a school has fewer lessons.
MOST_OF_A_DAY = 1_000
MOST_DAYS = 60


@dataclass(frozen=True)
class LessonShown:
    """A notice. Times in microseconds since 1970, UTC. `may_withdraw`: by the caller. `opens`: the agreed list."""

    number: int
    version: int
    topic: str
    group: str
    segments: tuple[str, ...]
    sites: tuple[str, ...]
    from_us: int
    until_us: int
    teacher: str
    is_withdrawn: bool
    is_own: bool
    may_withdraw: bool
    opens: int | None


@records("lesson.file")
async def file(
    work: Work, topic: Short, starts: Clock, ends: Clock, day: dt.date | None = None, group: Short = "",
    segments: Annotated[tuple[Short, ...], Field(max_length=MOST_SEGMENTS)] = (),
    sites: Annotated[tuple[Short, ...], Field(max_length=MOST_SITES)] = (), opens: Number | None = None,
) -> LessonShown:  # fmt: skip
    """Announces a lesson of one day, today where none is named. It opens nothing, but a list that was agreed to.

    `opens`: the number of that list; its sites open for the lesson's networks and time, and close by themselves.
    Raises `RecordRefused`: the times are none of one lesson, a site is none, the list may not be opened, or too many
    were announced today.
    """
    from schoolgate.governance import record_store

    if not topic.strip():
        raise RecordRefused("say what the lesson is about, such as: drugs and the law")
    zone = lesson_zone(work)
    on = day or work.now.astimezone(zone).date()
    from_us, until_us = _period(work, on, starts, ends, zone)
    fields = LessonNotice(
        topic=topic.strip(), group=group.strip(), segments=await asyncio.to_thread(_known, work, segments),
        sites=tuple(dict.fromkeys(site_of(one) for one in sites if one.strip())),
        from_us=from_us, until_us=until_us, teacher=work.actor.name, opens=opens,
    )  # fmt: skip
    agreed = None if opens is None else await agreed_list(work, opens)
    if agreed is not None:
        lesson_sites.refuse_list(agreed, fields.segments, on)
        if until_us <= work.now_us:
            raise RecordRefused("the lesson is over; announce it without a list")
    store = await work.store()
    async with store.change() as change:
        await lesson_notice.refuse_too_many(change.connection, store.site_id, work.actor.id, work.now_us)
        made = await record_store.add(
            change, fields, entry_of(work, "lesson.file", list=opens), state=ANNOUNCED, subject=on.isoformat()
        )
    return lesson_shown(work, made if agreed is None else await _open(work, made, agreed))


async def _open(work: Work, made: Record[LessonNotice], agreed: Record[LessonList]) -> Record[LessonNotice]:
    """Opens the list. Where the policy cannot be changed the notice is withdrawn, and the reason raised."""
    from schoolgate.governance import record_store

    fields, store = made.fields, await work.store()
    begins, ends = (dt.datetime.fromtimestamp(us // 10**6, dt.UTC) for us in (fields.from_us, fields.until_us))
    wanted = LessonWanted(
        made.number, " ".join(filter(None, (fields.topic, fields.group and f"({fields.group})"))), fields.segments,
        agreed.fields.names, work.actor.name, agreed.fields.agreed_name or "an approver", begins, ends,
    )  # fmt: skip
    try:
        done = await asyncio.to_thread(lesson_sites.open_sites, work, wanted)
    except (SchoolgateError, OSError):
        async with store.change() as change:
            why = entry_of(work, "lesson.not_opened")
            await record_store.update(change, made, fields, why, state=WITHDRAWN)
        raise
    async with store.change() as change:
        why = entry_of(work, "lesson.open", list=agreed.number, before=done.before, after=done.after)
        return await record_store.update(change, made, fields.model_copy(update={"revision": done.after}), why)


@looks("lesson.list")
async def list_lessons(
    work: Work, day: dt.date | None = None, days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 1
) -> tuple[LessonShown, ...]:
    """What was announced for these days, from `day` or today on, in the order in which it begins."""
    first = day or work.now.astimezone(lesson_zone(work)).date()
    found = await lessons_of_days(await work.store(), [first + dt.timedelta(days=one) for one in range(days)])
    return tuple(lesson_shown(work, one) for one in sorted(found, key=lambda one: (one.fields.from_us, one.number)))


@looks("lesson.networks")
def networks(work: Work) -> tuple[str, ...]:
    """The networks that a lesson may be announced for, by name alone."""
    return tuple(one.id for one in segment_views.list_segments(work).segments)


@looks("lesson.expected")
async def expected(
    work: Work, since: AwareDatetime, until: AwareDatetime, segment: str | None = None
) -> tuple[LessonShown, ...]:
    """The lessons to which something of a network may belong, between these times: the last week of them at most."""
    zone, since = lesson_zone(work), max(since, until - dt.timedelta(days=7))
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    days = [first + dt.timedelta(days=one) for one in range((last - first).days + 1)]
    found = await lessons_of_days(await work.store(), days)
    span = int(since.timestamp() * 1e6), int(until.timestamp() * 1e6)
    covering = [one for one in found if one.state == ANNOUNCED and one.fields.covers(segment, *span)]
    return tuple(lesson_shown(work, one) for one in sorted(covering, key=lambda one: (one.fields.from_us, one.number)))


@records("lesson.withdraw")
async def withdraw(work: Work, number: Number, version: Number | None = None) -> LessonShown:
    """Withdraws a notice: its author, a safeguarding lead or a head may. Raises `NoSuchRecord`, `RecordChanged`."""
    from schoolgate.governance import record_store
    from schoolgate.governance.errors import RecordChanged

    store = await work.store()
    async with store.change() as change:
        found = await record_store.get(change.connection, store.site_id, LessonNotice, number)
        if not _may_withdraw(work, found):
            raise NotPermitted("another person announced this lesson; ask them, the safeguarding lead or the head")
        if version not in (None, found.version):
            raise RecordChanged(f"lesson {number} was changed in the meantime; read it again")
        if found.state == WITHDRAWN:
            raise RecordRefused(f"lesson {number} was withdrawn already")
        done = await record_store.update(
            change, found, found.fields, entry_of(work, "lesson.withdraw"), state=WITHDRAWN
        )
    if found.fields.opens is not None and found.fields.until_us > work.now_us:
        reason = f"lesson {number} was withdrawn"
        shut = await asyncio.to_thread(lesson_sites.close_sites, work, frozenset({number}), reason)
        async with store.change() as change:
            why = entry_of(work, "lesson.close", before=shut.before, after=shut.after)
            done = await record_store.update(change, done, done.fields, why)
    return lesson_shown(work, done)


async def lessons_of_days(store: Store, days: Sequence[dt.date]) -> list[Record[LessonNotice]]:
    """Notices of these days, withdrawn ones too."""
    from schoolgate.governance import record_store

    found: list[Record[LessonNotice]] = []
    async with store.reading() as connection:
        for day in days:
            found += await record_store.listed(
                connection, store.site_id, LessonNotice, subject=day.isoformat(), most=MOST_OF_A_DAY
            )
    return found


def lesson_zone(work: Work) -> ZoneInfo:
    """In which a lesson's day and times are."""
    return school_zone(work.settings) or ZoneInfo("UTC")


def _period(work: Work, day: dt.date, starts: str, ends: str, zone: ZoneInfo) -> tuple[int, int]:
    """Raises `RecordRefused`."""
    begin, end = (dt.datetime.combine(day, dt.time.fromisoformat(one), zone) for one in (starts, ends))
    if end <= begin:
        raise RecordRefused(f"the lesson ends at {ends}, before it begins; write its end after {starts}")
    from_us, until_us = (int(one.timestamp() * 1e6) for one in (begin, end))
    if until_us - from_us > lesson_notice.LONGEST_US:
        raise RecordRefused("a notice is for one lesson of up to eight hours; announce each by itself")
    # One that was forgotten may be announced on the same day: the alerts are there already.
    if until_us < work.now_us - DAY_US:
        raise RecordRefused(f"{day} has passed; alerts of then are closed with the outcome: expected")
    if from_us > work.now_us + lesson_notice.MOST_DAYS_AHEAD * DAY_US:
        raise RecordRefused(
            f"{day} is more than {lesson_notice.MOST_DAYS_AHEAD} days ahead; announce it nearer the time"
        )
    return from_us, until_us


def _known(work: Work, segments: Sequence[str]) -> tuple[str, ...]:
    """Raises `RecordRefused` for a network that there is not."""
    if not segments:
        return ()
    known = [one.id for one in segment_views.list_segments(work).segments]
    for one in segments:
        if one not in known:
            raise RecordRefused(f"there is no network {one[:80]!r}; {did_you_mean(one, known)}")
    return tuple(dict.fromkeys(segments))


def _may_withdraw(work: Work, found: Record[LessonNotice]) -> bool:
    return found.created_by == work.actor.id or bool({Role.safeguarding_lead, Role.head} & work.actor.roles)


def lesson_shown(work: Work, one: Record[LessonNotice]) -> LessonShown:
    """As it is shown to the caller."""
    fields, is_withdrawn = one.fields, one.state == WITHDRAWN
    return LessonShown(
        one.number, one.version, fields.topic, fields.group, fields.segments, fields.sites, fields.from_us,
        fields.until_us, fields.teacher, is_withdrawn, one.created_by == work.actor.id,
        not is_withdrawn and _may_withdraw(work, one), fields.opens,
    )  # fmt: skip
