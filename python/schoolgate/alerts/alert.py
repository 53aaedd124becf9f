"""An alert: something that its recipients should know of, and how far they have come with it."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

# Of software and of the filter itself, never of what a person wanted to see.
TECHNICAL_DETECTORS = frozenset(
    {
        "drift",
        "generated-names",
        "reachability",
        "rhythm",
        "safesearch",
        "segment-check",
        "segment-recovered",
        "tunnel",
    }
)


@dataclass(frozen=True)
class Alert:
    """One alert as it stands. Times are UTC."""

    id: int
    rule: str
    urgency: str
    severity: str
    detector: str
    category: str | None
    segment: str
    client: str
    state: str
    opened_at: dt.datetime
    last_at: dt.datetime
    count: int
    sentence: str
    names: tuple[str, ...]
    evidence: dict[str, Any]
    outcome: str | None
    escalated_at: dt.datetime | None
    # Questions of devices that it speaks of; 0 where `count` counts other things.
    questions: int = 0
    # Why nothing of it may be erased; None where it may.
    hold: str | None = None

    @property
    def shown_count(self) -> int:
        """What people count: questions where there are any, else how often it was found."""
        return self.questions or self.count

    def is_technical(self, threats: Collection[str]) -> bool:
        """Whether it is for IT: of software, or of a category in `threats`. All others are safeguarding's."""
        return self.detector in TECHNICAL_DETECTORS or self.category in threats


def stamp(moment: dt.datetime) -> str:
    """Sorts as text in the order of time."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def alert_of(row: sqlite3.Row) -> Alert:
    """From a row of the table."""
    return Alert(
        id=row["id"],
        rule=row["rule"],
        urgency=row["urgency"],
        severity=row["severity"],
        detector=row["detector"],
        category=row["category"],
        segment=row["segment"],
        client=row["client"],
        state=row["state"],
        opened_at=dt.datetime.fromisoformat(row["opened_at"]),
        last_at=dt.datetime.fromtimestamp(row["last_us"] / 1e6, dt.UTC),
        count=row["count"],
        sentence=row["sentence"],
        names=tuple(orjson.loads(row["names"])),
        evidence=orjson.loads(row["evidence"]),
        outcome=row["outcome"],
        escalated_at=dt.datetime.fromisoformat(row["escalated_at"]) if row["escalated_at"] else None,
        questions=row["questions"],
        hold=row["hold"],
    )
