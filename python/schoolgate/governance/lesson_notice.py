"""Lesson notices: staff say beforehand which class works on what, when and in which networks.

A notice changes nothing of the filter, but where it opens a list of sites that an approver agreed to. An alert of its
networks in its time is shown as expected, so that a lesson on drugs is no concern about a class.
"""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Fields
from schoolgate.storage.schema import governance_record

MINUTE_US: Final = 60 * 1_000_000
DAY_US: Final = 1440 * MINUTE_US
# Pupils begin before the bell and end after it.
MARGIN_US: Final = 5 * MINUTE_US
# A notice for all day says nothing; one for next year is forgotten.
LONGEST_US: Final = 8 * 60 * MINUTE_US
MOST_DAYS_AHEAD: Final = 60
# A person teaches a few lessons a day; a script announces thousands.
MOST_A_DAY: Final = 40

ANNOUNCED, WITHDRAWN = "announced", "withdrawn"


class LessonNotice(Fields):
    """`segments`: none is the whole school. `sites`: what the class will open, as names; for who looks later."""

    KIND: ClassVar[str] = "lesson"

    topic: str
    group: str = ""
    segments: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    from_us: int
    until_us: int
    teacher: str = ""
    # The agreed list that it opens for its networks, and the revision of the policy that does.
    opens: int | None = None
    revision: int | None = None

    def covers(self, segment: str | None, first_us: int, last_us: int) -> bool:
        """Whether something of a network, between these times, belongs to the lesson. Of no network in particular
        (None) is what the whole school does."""
        is_here = not self.segments or segment in self.segments
        return is_here and self.from_us - MARGIN_US <= last_us and first_us <= self.until_us + MARGIN_US


async def refuse_too_many(connection: AsyncConnection, site_id: UUID, actor: str, now_us: int) -> None:
    """Raises `RecordRefused` for who announced as many as a day may have."""
    rows = governance_record.c
    announced = select(func.count()).where(
        rows.site_id == site_id,
        rows.kind == LessonNotice.KIND,
        rows.created_by == actor,
        rows.created_us > now_us - DAY_US,
    )
    if (await connection.execute(announced)).scalar_one() >= MOST_A_DAY:
        raise RecordRefused(f"{MOST_A_DAY} lessons were announced from here within a day; announce more tomorrow")
