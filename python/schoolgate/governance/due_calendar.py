"""What is due, of every kind of record: one calendar. A record that no one has to act on again has no due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.storage.schema import governance_record

MOST_DUES = 2_000
# In the words of a calendar; a kind that is not here is named by its own word.
KIND_WORDS = {
    "review": "Review of filtering and monitoring",
    "action": "Action",
    "check": "Check",
    "case": "Case",
    "change_request": "Change request",
    "responsibility": "Responsibility",
    "training": "Training",
    "aup_notice": "Acceptable use notice",
    "supplier": "Supplier or licence",
    "risk": "Risk",
    "decision": "Decision",
    "meeting": "Meeting of the governing body",
    "ticket": "Report of staff",
}
# Subjects of other kinds may be a device or a site.
_NAMED_BY_SUBJECT = frozenset(
    {"review", "action", "responsibility", "training", "aup_notice", "supplier", "risk", "decision", "meeting"}
)


@dataclass(frozen=True)
class DueRecord:
    """A record on which somebody has to act. `words`: kind and subject; `due_us`: from then on it is overdue."""

    kind: str
    number: int
    state: str
    words: str
    due_us: int


def words_of(kind: str) -> str:
    """A kind in words."""
    return KIND_WORDS.get(kind) or kind.replace("_", " ").capitalize()


async def dues_before(connection: AsyncConnection, site_id: UUID, before_us: int) -> tuple[DueRecord, ...]:
    """Records of every kind that are due before a time, the longest overdue first."""
    rows = governance_record.c
    wanted = (
        select(rows.kind, rows.number, rows.state, rows.subject, rows.due_us)
        .where(rows.site_id == site_id, rows.due_us.is_not(None), rows.due_us < before_us)
        .order_by(rows.due_us, rows.kind, rows.number)
        .limit(MOST_DUES)
    )
    found = [
        DueRecord(one.kind, one.number, one.state, _words(one.kind, one.number, one.subject), one.due_us)
        for one in await connection.execute(wanted)
    ]
    return tuple(_together(found))


async def counts_by_kind(connection: AsyncConnection, site_id: UUID) -> dict[str, dict[str, int]]:
    """How many records there are of each kind in each state, whoever keeps them."""
    rows = governance_record.c
    wanted = (
        select(rows.kind, rows.state, func.count().label("count"))
        .where(rows.site_id == site_id)
        .group_by(rows.kind, rows.state)
    )
    found: dict[str, dict[str, int]] = {}
    for one in await connection.execute(wanted):
        found.setdefault(one.kind, {})[one.state] = int(one[2])
    return found


def _together(found: Iterable[DueRecord]) -> Iterator[DueRecord]:
    """Decisions of one day are one date: they were taken together, and are looked at on one page."""
    for (kind, _), group in groupby(found, key=lambda one: (one.kind, one.due_us)):
        first, *others = group
        if kind == "decision" and others:
            yield replace(first, words=f"{len(others) + 1} decisions")
        else:
            yield from (first, *others)


def _words(kind: str, number: int, subject: str) -> str:
    named = subject if kind in _NAMED_BY_SUBJECT and subject else str(number)
    return f"{words_of(kind)}: {named}" if named != str(number) else f"{words_of(kind)} {number}"
