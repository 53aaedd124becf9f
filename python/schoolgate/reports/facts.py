"""What a report rests on: counts, without a word about them. Gathered once, shown to each reader in part."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from schoolgate.reports.period import Period

# A week with a bank holiday is still compared with one of five days; one of three days is not.
LEAST_SHARE_OF_DAYS = 0.8


@dataclass(frozen=True)
class Counted:
    """Queries of a segment, a category, a name or a client: all of them, and those that were blocked."""

    what: str
    rows: int
    blocked: int
    # Blocked in the period before; None where nothing is compared.
    before: int | None = None


@dataclass(frozen=True)
class Day:
    """One day of the trend."""

    date: dt.date
    rows: int
    blocked: int


@dataclass(frozen=True)
class Alerts:
    """What the monitor raised. `findings`: by detector and severity; `alerts`: by detector, state or outcome; `open`:
    all that are not closed, those of earlier times too."""

    findings: tuple[tuple[str, str, int], ...] = ()
    alerts: tuple[tuple[str, str, int], ...] = ()
    open: int = 0


@dataclass(frozen=True)
class Facts:
    """All of it."""

    period: Period
    made_at: dt.datetime
    school_time_zone: str
    # () is the whole school.
    segments: tuple[str, ...]
    rows: int
    blocked: int
    rows_before: int
    blocked_before: int
    days: tuple[Day, ...]
    by_segment: tuple[Counted, ...]
    by_category: tuple[Counted, ...]
    bypass: tuple[Counted, ...]
    blocked_names: tuple[Counted, ...]
    # Clients with rows of the safeguarding class, as pseudonyms.
    clients: tuple[Counted, ...]
    alerts: Alerts | None
    # Summaries of the daily checks in the period, oldest first.
    over_blocking: tuple[dict[str, Any], ...]
    # What the service says of itself; None when it does not run.
    status: dict[str, Any] | None
    self_test: str | None
    problems: tuple[str, ...] = field(default=())
    # Days of the school with any question in the log, in this period and in the one before.
    days_logged: int = 0
    days_before: int = 0
    # Days of the period on which the school's calendar has no pupils, but for weekends: a day, and what it is called.
    closed: tuple[tuple[dt.date, str], ...] = ()
    # Whether no day from Monday to Friday of the period had pupils.
    is_holiday: bool = False
    # Reviews, actions and other records that are overdue: words of the kind, and since when. None: it is not known.
    overdue: tuple[tuple[str, dt.datetime], ...] | None = None

    @property
    def is_comparable(self) -> bool:
        """Whether the period before says anything about this one: it is over, and both were recorded on about as many
        days. A log that began on its last day, and a holiday, make no trend."""
        fewer, more = sorted((self.days_logged, self.days_before))
        is_over = self.made_at >= self.period.until
        return is_over and more > 0 and fewer / more >= LEAST_SHARE_OF_DAYS
