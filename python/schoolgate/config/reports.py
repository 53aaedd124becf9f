"""[reports]: which reports are made by themselves, for whom, and where they go."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from schoolgate.config.message_fields import ClockTime, Recipient
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section

# A slip must not send the school's numbers to a list of strangers.
MOST_RECIPIENTS = 20
MOST_SCHEDULED = 50


def _day(value: object) -> str:
    """A day of any year."""
    try:
        dt.date.fromisoformat(f"2001-{value}")
    except ValueError:
        raise complaint(f"{shown(value)} is not a day of the year", 'write month and day: "09-01"') from None
    return str(value)


class Scheduled(Section):
    kind: Literal["daily", "weekly", "termly"] = Field(
        description="When that day, week or term is over, its report is made.", json_schema_extra=RELOAD
    )
    reader: Literal["it", "safeguarding", "governors"] = Field(
        description="Whom it is for; governors see no sites and no devices.", json_schema_extra=RELOAD
    )
    segments: tuple[str, ...] = Field(
        default=(), description="These segments only. Default: the whole school.", json_schema_extra=RELOAD
    )
    recipients: Annotated[tuple[Recipient, ...], Field(max_length=MOST_RECIPIENTS)] = Field(
        default=(),
        description="Mail addresses that get it, by the server of [mail]. It is kept in dir either way.",
        json_schema_extra=RELOAD,
    )


class Reports(Section):
    dir: PathFromFile = Field(
        default=Path(), description="Directory of reports. Default: reports in state_dir.", json_schema_extra=RELOAD
    )
    at: ClockTime = Field(
        default="06:30", description="Time of day, in the school's time zone.", json_schema_extra=RELOAD
    )
    terms: Annotated[tuple[Annotated[str, PlainValidator(_day)], ...], Field(min_length=1, max_length=6)] = Field(
        default=("01-01", "04-15", "09-01"),
        description="Days on which terms begin; holidays count to the term before.",
        json_schema_extra=RELOAD,
    )
    scheduled: Annotated[tuple[Scheduled, ...], Field(max_length=MOST_SCHEDULED)] = Field(
        default=(), description="Reports that are made by themselves, by the monitor.", json_schema_extra=RELOAD
    )

    @property
    def term_starts(self) -> tuple[tuple[int, int], ...]:
        """(month, day), in order."""
        return tuple(sorted((int(one[:2]), int(one[3:])) for one in self.terms))

    @property
    def time(self) -> dt.time:
        return dt.time.fromisoformat(self.at)
