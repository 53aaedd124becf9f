"""What a mail server says is text; what is erased of a client is erased of the alerts too."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.cli.commands import alerts, log_care
from schoolgate.policy.monitoring import AlertRule

NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
CLIENT, OTHER = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa", "p-bbbbbbbbbbbbbbbbbbbbbbbbbb"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two alerts of two devices, and their messages."""
    path = tmp_path / "state/monitor/alerts.db"
    path.parent.mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    store = AlertStore.open(path)
    rules = AlertRules({"harm": AlertRule(categories=("*",), to=("lead@school.example",))}, dt.UTC)  # type: ignore[arg-type]
    for client in (CLIENT, OTHER):
        found = Finding("attempt", "urgent", "pupils", client, int(NOW.timestamp() * 1e6), 0, "A device asked.",
                        "self-harm", {"questions": 1}, (f"of-{client[2]}.example.org",))  # fmt: skip
        rules.apply([found], store, Outbox(store), NOW)
    store.close()
    return path


def test_words_of_a_mail_server_are_no_markup(config: Path, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = AlertStore.open(database)
    outbox = Outbox(store)
    for due in outbox.due(NOW, 10):
        outbox.failed(due, "550 [/nonsense] [bold]no such mailbox[/bold]", is_final=True)
    store.close()
    alerts.undelivered(config, as_json=False)
    said = capsys.readouterr().out
    assert "[/nonsense]" in said
    assert "[bold]no" in said


def test_erasing_a_client_leaves_the_shell_of_its_alerts_and_nothing_else(
    config: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_care.erase(config, CLIENT, "asked for by the parents", yes=True)
    said = " ".join(capsys.readouterr().out.split())
    assert "1 alert" in said
    store = AlertStore.open(database)
    assert [(one.client, one.names, one.category, one.count) for one in store.alerts(("new",), 9)] == [
        (OTHER, ("of-b.example.org",), "self-harm", 1), ("", (), "self-harm", 1),
    ]  # fmt: skip
    with store.transaction() as db:
        everything = [
            str(tuple(row)) for table in ("findings", "hits", "alerts", "history", "outbox")
            for row in db.execute(f"SELECT * FROM {table}")
        ]  # fmt: skip
    store.close()
    assert any(OTHER in row for row in everything)
    assert not [row for row in everything if CLIENT in row or "of-a" in row]
