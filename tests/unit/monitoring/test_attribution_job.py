"""Which device had an address is known as long as the log has rows of that time, and no longer."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.stand_in.query_log import NOON, row, wal, write_rows

from schoolgate.config import load
from schoolgate.identity.attribution import Attribution, Span
from schoolgate.identity.binding import Confidence
from schoolgate.jobs.attribution import Attributing

DAY_US = 86_400_000_000
NOW_US = int(NOON.timestamp() * 1_000_000)


def span(client: str, days_ago: int) -> Span:
    end_us = NOW_US - days_ago * DAY_US
    return Span(client, "mac:00:00:5e:00:53:01", "kea", Confidence.lease, end_us - DAY_US, end_us)


def forgotten(folder: Path, *spans: Span) -> list[tuple[str, int]]:
    """The spans that are left, as client and age in days."""
    config = folder / "schoolgate.toml"
    config.write_text(f'[server]\nstate_dir = "{folder}"\n')
    with Attribution.open(folder) as attribution:
        attribution.note(spans, [], {}, NOW_US)
    place = SimpleNamespace(settings=load(config), state_dir=folder)
    asyncio.run(Attributing(cast(Any, place)).forget(NOON))
    with Attribution.open(folder) as attribution:
        left = attribution.spans_of_clients({one.client for one in spans}, 0, NOW_US * 2)
    return sorted((one.client, (NOW_US - one.until_us) // DAY_US) for some in left.values() for one in some)


def test_without_rows_nothing_of_the_past_is_kept(tmp_path: Path) -> None:
    assert forgotten(tmp_path, span("192.0.2.1", 1), span("192.0.2.1", -1)) == [("192.0.2.1", -1)]


def test_a_span_is_kept_as_long_as_rows_of_its_time(tmp_path: Path) -> None:
    write_rows(tmp_path, wal(1), [row(time=NOON - dt.timedelta(days=50))])
    spans = [span("192.0.2.1", age) for age in (10, 49, 60)]
    assert forgotten(tmp_path, *spans) == [("192.0.2.1", 10), ("192.0.2.1", 49)]


def test_past_the_ordinary_days_only_clients_with_serious_rows_keep_theirs(tmp_path: Path) -> None:
    serious = row(time=NOON - dt.timedelta(days=200), client="192.0.2.1", class_="safeguarding")
    write_rows(tmp_path, wal(1), [row(time=NOON - dt.timedelta(days=89)), serious])
    spans = [span(client, age) for client in ("192.0.2.1", "192.0.2.2") for age in (80, 150, 210, 400)]
    assert forgotten(tmp_path, *spans) == [("192.0.2.1", 80), ("192.0.2.1", 150), ("192.0.2.2", 80)]
