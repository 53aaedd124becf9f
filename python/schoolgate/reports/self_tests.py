"""Rows of the query log that a self-test of sealed lists made: a report counts what devices asked, not these.

The monitor has found them, each as a closed alert. Where no monitor runs, a report counts them as questions.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from dataclasses import dataclass
from pathlib import Path

# The detector of these alerts.
SELF_TEST = "sealed-selftest"


@dataclass(frozen=True)
class SelfTestRow:
    """One question; `client` as the log writes it."""

    at: dt.datetime
    segment: str
    client: str

    @property
    def cell(self) -> tuple[str, str, str, str]:
        """Segment, action, layer and category, as a rollup counts it."""
        return (self.segment, "deny", "sealed", "")

    @property
    def hour(self) -> dt.datetime:
        return self.at.replace(minute=0, second=0, microsecond=0)


def self_test_rows(state_dir: Path, since: dt.datetime, until: dt.datetime) -> tuple[SelfTestRow, ...]:
    """Those of a time; none where the alerts cannot be read."""
    path = state_dir / "monitor" / "alerts.db"
    if not path.exists():
        return ()
    span = [int(one.timestamp() * 1e6) for one in (since, until)]
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0)) as database:
            rows = database.execute(
                "SELECT first_us, segment, client FROM alerts WHERE detector = ? AND first_us >= ? AND first_us < ?",
                (SELF_TEST, *span),
            ).fetchall()
    except sqlite3.Error:
        return ()
    return tuple(SelfTestRow(dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC), *rest) for at_us, *rest in rows)
