"""Rows as the log would give them, and a store of alerts in a directory of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schoolgate._core import LogRow
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.outbox import Outbox
from schoolgate.config import shipped_lists
from schoolgate.monitoring.category_facts import CategoryFacts, read_category_facts
from schoolgate.monitoring.rows import US

# A Monday, nine in the morning in London.
NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
NOW_S = int(NOW.timestamp())


def made_row(name: str, *, at: float = 0, client: str = "p-a", segment: str = "pupils", **others: Any) -> LogRow:
    """A question `at` seconds after NOW, allowed unless said otherwise."""
    values: dict[str, Any] = {
        "time_us": int((NOW_S + at) * US), "client": client, "segment": segment, "policy": "pupil",
        "policy_serial": 1, "door": "udp", "qname": name, "qname_asked": None, "qtype": 1, "rcode": 0,
        "action": "allow", "layer": "allow", "category": None, "rule": None, "snapshot_serial": 1,
        "source": "forwarder", "latency_us": 90, "cname": None,
    }  # fmt: skip
    return LogRow(**(values | others))


def denied(name: str, category: str, *, at: float = 0, **others: Any) -> LogRow:
    """A question denied for its category."""
    layer = "circumvention" if category.startswith("circumvention") else "category"
    return made_row(
        name,
        at=at,
        **({"action": "deny", "layer": layer, "category": category, "rcode": 3, "source": "policy"} | others),
    )


@pytest.fixture(scope="session")
def known() -> CategoryFacts:
    """What the shipped lists say."""
    return read_category_facts(shipped_lists())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AlertStore]:
    opened = AlertStore.open(tmp_path / "alerts.db")
    yield opened
    opened.close()


@pytest.fixture
def outbox(store: AlertStore) -> Outbox:
    return Outbox(store)
