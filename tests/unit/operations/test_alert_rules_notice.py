"""Who is alerted is told when the rules of alerts are changed, also who is left out from then on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.policies import POLICY

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.config import load
from schoolgate.operations.actor import Actor
from schoolgate.operations.hosting import hosted
from schoolgate.operations.operations import Operations
from schoolgate.operations.system_clock import SystemClock

ALERTED = f"""{POLICY}
[alerts.gambling]
categories = ["gambling"]
to = ["lead@school.example"]
escalate_to = ["head@school.example"]
[digest]
to = ["deputy@school.example"]
"""
MANAGER = Actor("account:n", "Nina Cole", frozenset({Role.network_manager}))


@pytest_asyncio.fixture
async def operations(tmp_path: Path) -> AsyncIterator[Operations]:
    config = tmp_path / "schoolgate.toml"
    mail = '[mail]\nhost = "mail.school.example"\nsender = "filter@school.example"\n'
    config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n{mail}')
    async with hosted(config, load(config), SystemClock()) as made:
        yield made


async def apply(operations: Operations, text: str, reason: str = "a test") -> None:
    await operations.call(MANAGER, "policy.apply", {"text": text, "reason": reason})


def sent(tmp_path: Path) -> list[tuple[str, str]]:
    """Recipient and text of each message that waits."""
    path = tmp_path / "state" / "monitor" / "alerts.db"
    if not path.exists():
        return []
    with contextlib.closing(AlertStore.open(path)) as store, store.transaction() as db:
        rows = db.execute("SELECT recipient, message FROM outbox ORDER BY recipient").fetchall()
        return [(row[0], str(row[1])) for row in rows]


@pytest.mark.asyncio
async def test_who_was_alerted_hears_who_changed_it_and_what(operations: Operations, tmp_path: Path) -> None:
    await apply(operations, ALERTED)
    assert sent(tmp_path) == [], "the first policy changes no one's alerts"
    await apply(operations, ALERTED + "# a remark\n")
    await apply(operations, ALERTED.replace("denied.example.org", "other.example.org"))
    assert sent(tmp_path) == [], "what is denied is no rule of alerts"
    await apply(operations, ALERTED.replace("lead@", "friend@"), "nobody needs to know")
    found = dict(sent(tmp_path))
    assert set(found) == {f"{one}@school.example" for one in ("lead", "friend", "head", "deputy")}
    text = found["lead@school.example"]
    assert "Nina Cole changed who is alerted of what" in text
    assert "nobody needs to know" in text
    assert 'alerts.gambling.to: - \\"lead@school.example\\"' in text


@pytest.mark.asyncio
async def test_rules_that_are_removed_or_put_back_are_told_too(operations: Operations, tmp_path: Path) -> None:
    await apply(operations, ALERTED)
    await apply(operations, POLICY)
    assert len(sent(tmp_path)) == 3
    await operations.call(MANAGER, "policy.rollback", {"number": 1, "reason": "it was agreed"})
    assert len(sent(tmp_path)) == 6


@pytest.mark.asyncio
async def test_what_was_applied_is_applied_where_no_message_can_be_put(operations: Operations, tmp_path: Path) -> None:
    await apply(operations, ALERTED)
    folder = tmp_path / "state" / "monitor"
    folder.mkdir(exist_ok=True)
    (folder / "alerts.db").write_bytes(b"no database of ours" * 100)
    await apply(operations, POLICY)
    shown = await operations.call(MANAGER, "policy.show", {})
    assert shown.number == 2
