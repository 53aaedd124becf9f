"""Entries of the school's calendar: terms, holidays, inset days, days of exams. Each is a record.

An entry of an imported file keeps the identity that the file gave it, so that the file can be imported again.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.plain_form import Line
from schoolgate.governance.record_store import Fields

CURRENT, REMOVED = "current", "removed"
EntryKind = Literal["term", "holiday", "inset", "exam"]
KIND_WORDS: Final[dict[EntryKind, str]] = {
    "term": "Term", "holiday": "Holiday", "inset": "Inset day", "exam": "Exams",
}  # fmt: skip
# A school has some twenty a year; years of them stay far below.
MOST_ENTRIES: Final = 1_000
# The longest term has eighteen weeks.
LONGEST_DAYS: Final = 200
EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2100, 1, 1)

Uid = Annotated[str, StringConstraints(max_length=300)]


class CalendarEntry(Fields):
    """`first` and `last` are included. `uid`: of an imported file, else empty. `is_own`: written or changed here, so
    an import leaves it as it is."""

    KIND: ClassVar[str] = "calendar_entry"

    kind: EntryKind
    title: Annotated[Line, Field(min_length=1)]
    first: dt.date
    last: dt.date
    uid: Uid = ""
    is_own: bool = True


def refuse_wrong_days(first: dt.date, last: dt.date) -> None:
    """Raises `RecordRefused` for days that are no stretch of a calendar."""
    if last < first:
        raise RecordRefused(f"it ends on {last}, before it begins; write its last day, {first} or later")
    if (last - first).days >= LONGEST_DAYS:
        raise RecordRefused(f"{first} to {last} is longer than a term; write each term by itself")
    if not EARLIEST <= first <= last <= LATEST:
        raise RecordRefused(f"{first} to {last} is too far away; write the year in four digits")
