"""alerts.db: an upgrade from the version before, and what may be erased."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from pathlib import Path

import pytest
from tests.unit.monitoring.conftest import NOW
from tests.unit.monitoring.test_rules import SELF_HARM, apply, book, finding

from schoolgate.alerts.alert_schema import FROM_VERSION_1, SCHEMA
from schoolgate.alerts.alert_store import AlertRefused, AlertStore
from schoolgate.alerts.outbox import Outbox

NEW_COLUMNS = (
    (
        ",\n    questions INTEGER NOT NULL DEFAULT 1, is_repeat INTEGER NOT NULL DEFAULT 0,\n    PRIMARY",
        ",\n    PRIMARY",
    ),
    (",\n    questions INTEGER NOT NULL DEFAULT 0, hold TEXT\n", "\n"),
    ("user_version = 2", "user_version = 1"),
)


def version_1(path: Path) -> None:
    """A file as the version before left it, with an alert, a count and a message."""
    schema = SCHEMA
    for new, old in NEW_COLUMNS:
        assert new in schema
        schema = schema.replace(new, old)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(schema)
        db.execute(
            "INSERT INTO alerts VALUES (1, 'harm', 'urgent', 'urgent', 'attempt', 'self-harm', 'pupils', 'p-a', 'new',"
            " '2026-11-23T09:00:00.000+00:00', 1, 1, 2, 'A device asked.', '[]', '{\"questions\": 1}', NULL, NULL)"
        )
        db.execute("INSERT INTO hits VALUES ('harm', 'pupils', 'p-a', 1, 'f')")
        db.commit()


def test_a_file_of_the_version_before_is_taken_over_with_what_is_in_it(tmp_path: Path) -> None:
    version_1(tmp_path / "alerts.db")
    for _ in range(2):
        store = AlertStore.open(tmp_path / "alerts.db")
        (alert,) = store.alerts(("new",), 10)
        store.close()
        assert (alert.rule, alert.count, alert.questions, alert.shown_count, alert.hold) == ("harm", 2, 0, 2, None)
    with contextlib.closing(sqlite3.connect(tmp_path / "alerts.db")) as db:
        assert db.execute("SELECT questions, is_repeat FROM hits").fetchall() == [(1, 0)]
    assert len(FROM_VERSION_1) == 4


def test_a_held_alert_keeps_everything_of_its_device_until_it_is_released(store: AlertStore, outbox: Outbox) -> None:
    apply(book(harm=SELF_HARM), store, outbox, finding(), finding(client="p-b"), finding(client="p-b", category="hate"))
    with pytest.raises(AlertRefused, match="needs a reason"):
        store.hold(1, " ", "lead", NOW)
    assert store.hold(1, "police, 4711", "lead", NOW).hold == "police, 4711"
    with pytest.raises(AlertRefused, match=r"nothing was erased: a hold is set on alert 1 \(police, 4711\)"):
        store.erase_clients(["p-a", "p-b"])
    assert [len(store.of_clients([one])) for one in ("p-a", "p-b")] == [1, 2]
    for number in (1, 2):
        store.close_alert(number, "concern", "lead", "", NOW)
    assert store.forget_before(NOW + dt.timedelta(days=400)) == 1
    assert store.get(1).names == ("bad.example.org",)
    store.hold(1, None, "lead", NOW)
    with pytest.raises(AlertRefused, match="is not held"):
        store.hold(1, None, "lead", NOW)
    assert store.erase_clients(["p-a"]) == 1
    assert [one["what"] for one in store.history(1)] == ["new", "held", "closed: concern", "released"]
