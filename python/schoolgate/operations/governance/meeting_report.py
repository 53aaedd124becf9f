"""What happened since the governing body last met, in sentences, each with the query that measured it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schoolgate.evidence.sources import SourceBroken, Sources, needed_by, reads, reads_of
from schoolgate.governance import record_store as records
from schoolgate.governance.registers import CURRENT, Meeting
from schoolgate.operations import alerts
from schoolgate.operations.governance.evidence_records import read_evidence_sources
from schoolgate.operations.governance.evidence_sources import Reader, read_source
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work

# Where no meeting is on record: about a term.
WITHOUT_MEETING = dt.timedelta(days=120)

# The source that counts from the last meeting.
SINCE = "alerts_since"


@dataclass(frozen=True)
class MeetingSentence:
    """`is_measured`: False where its source could not be read; then the words say why."""

    words: str
    query: str
    is_measured: bool


@dataclass(frozen=True)
class MeetingReport:
    """`since`: the day of the last meeting; `meeting`: its number, None where none is on record."""

    since: dt.date
    meeting: int | None
    sentences: tuple[MeetingSentence, ...]


@looks("register.meeting_report")
async def report_since_meeting(work: Work) -> MeetingReport:
    """What happened since the last meeting of the governing body."""
    store = await work.store()
    async with store.reading() as connection:
        held = await records.listed(connection, store.site_id, Meeting, states=(CURRENT,))
    today = work.now.date()
    past = [one for one in held if one.fields.held_on is not None and one.fields.held_on <= today]
    last = max(past, key=lambda one: one.fields.held_on or today, default=None)
    since = last.fields.held_on if last is not None and last.fields.held_on else today - WITHOUT_MEETING
    days = max(1, (today - since).days)
    alerts_since = Reader(f"alerts.summary days={days}", lambda work: alerts.summary(work, days))
    more = {SINCE: await asyncio.to_thread(read_source, work, alerts_since)}
    wanted = [one for one in needed_by(_SENTENCES) if one not in more]
    sources = await read_evidence_sources(work, wanted, more)
    sentences = tuple(_sentence(sources, since, said) for said in _SENTENCES)
    return MeetingReport(since, last.number if last is not None else None, sentences)


Said = Callable[[Sources, dt.date], Iterator[str]]


def _sentence(sources: Sources, since: dt.date, said: Said) -> MeetingSentence:
    query = sources.queries(reads_of(said))
    try:
        return MeetingSentence(" ".join(said(sources.only(reads_of(said)), since)), query, True)
    except SourceBroken as error:
        return MeetingSentence(f"This could not be measured: {error}.", query, False)


@reads("revisions", "exceptions")
def _changes(sources: Sources, since: dt.date) -> Iterator[str]:
    new = [one for one in sources["revisions"] if str(one["at"])[:10] >= since.isoformat()]
    yield f"Changes of the policy: {len(new)}."
    yield f"Exceptions that are open now: {len(sources['exceptions']['exceptions'])}."


@reads(SINCE, "alerts_open")
def _alerts(sources: Sources, since: dt.date) -> Iterator[str]:
    now, rules = sources["alerts_open"], sources[SINCE]["rules"].values()
    yield f"Alerts since then: {sum(one['alerts'] for one in rules)}."
    yield f"Open: {now['open']}; not looked at yet: {now['new']}."


@reads("checks")
def _checks(sources: Sources, since: dt.date) -> Iterator[str]:
    new = [one for one in sources["checks"]["history"] if str(one["at"])[:10] >= since.isoformat()]
    worst = max((one["rate"] for one in new), default=0)
    yield f"Checks that help lines, exams and health sites are open: {len(new)}; wrong at worst: {worst:.2%}."


@reads("review")
def _review(sources: Sources, since: dt.date) -> Iterator[str]:
    found = sources["review"]
    if found["signed_on"] is None:
        yield "No review of filtering and monitoring is signed."
    else:
        is_new = "since then" if found["signed_on"] >= since.isoformat() else "before that"
        yield f"The last review was signed on {found['signed_on']}, {is_new}; the next is due by {found['next_on']}."


@reads("actions")
def _actions(sources: Sources, since: dt.date) -> Iterator[str]:
    found = sources["actions"]
    yield f"Actions: {found['open']} open, of which {found['overdue']} overdue; {found['done']} done in all."


@reads("registers")
def _posts(sources: Sources, since: dt.date) -> Iterator[str]:
    unfilled = sources["registers"]["unfilled_posts"]
    yield f"Posts that are not filled: {'; '.join(unfilled)}." if unfilled else "All posts are filled."


_SENTENCES: tuple[Said, ...] = (_changes, _alerts, _checks, _review, _actions, _posts)
