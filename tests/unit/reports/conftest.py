"""A school with a query log of known rows, written as the server writes it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from schoolgate._core import LogRow, log_write_sample
from schoolgate.config import Settings, parse

ROOT = Path(__file__).resolve().parents[3]
ZONE = "Europe/London"
# In the week of 16 November 2026, a Monday.
MONDAY = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)


def row(
    at: dt.datetime, name: str, *, client: str = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa", segment: str = "pupils",
    action: str = "allow", layer: str = "allow", category: str | None = None,
) -> LogRow:  # fmt: skip
    rule = "starter/x" if category else None
    return LogRow(
        int(at.timestamp() * 1e6), client, segment, "pupil", 1, "udp", name, None, 1, 0 if action == "allow" else 3,
        action, layer, category, rule, 1, "policy" if action == "deny" else "cache", 120, None, None, None,
    )  # fmt: skip


def week_of_rows() -> tuple[list[LogRow], list[LogRow]]:
    """Ordinary and safeguarding rows: 10 allowed and 2 denied a weekday; in the week before 1 denied a day."""
    ordinary, safeguarding = [], []
    for day in range(5):
        morning = MONDAY + dt.timedelta(days=day, hours=9)
        ordinary += [row(morning + dt.timedelta(minutes=n), f"site{n}.example.org") for n in range(10)]
        ordinary.append(row(morning, "bets.example.net", action="deny", layer="category", category="gambling"))
        safeguarding.append(
            row(morning, "vpn.example.net", action="deny", layer="circumvention", category="circumvention-vpn")
        )
        ordinary.append(
            row(
                morning - dt.timedelta(days=7), "bets.example.net", action="deny", layer="category", category="gambling"
            )
        )
    safeguarding.append(row(MONDAY, "(withheld)", client="10.1.20.50", segment="guests", action="deny", layer="sealed"))
    return ordinary, safeguarding


def write_log(state: Path, ordinary: Sequence[LogRow], safeguarding: Sequence[LogRow]) -> None:
    wal = state / "log" / "wal"
    wal.mkdir(parents=True, exist_ok=True)
    # In order of time, as a server writes.
    log_write_sample(wal, "ordinary", 1, sorted(ordinary, key=lambda one: one.time_us))
    log_write_sample(wal, "safeguarding", 1, sorted(safeguarding, key=lambda one: one.time_us))
    for path in wal.iterdir():  # searches pass over files that were last written before what they look for
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))


@pytest.fixture
def school(tmp_path: Path) -> Callable[[str], Settings]:
    """Settings; `extra` is more TOML."""

    def make(extra: str = "") -> Settings:
        text = f'[server]\nstate_dir = "{tmp_path / "state"}"\n[lists]\ndir = "{ROOT / "lists"}"\n{extra}'
        return parse(text, "schoolgate.toml", folder=tmp_path)

    return make
