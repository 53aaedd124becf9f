"""A control process that dies while an answer is being sent: what was sent is never taken for the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import TOKEN, FakeControl, whoami
from tests.unit.console.test_live_views import CHOICES, batch, row

from schoolgate.console import live_views
from schoolgate.console.session_cookie import SESSION


def dies_at(control: FakeControl, monkeypatch: pytest.MonkeyPatch, operation: str, call: int) -> None:
    """It goes away at this call of an operation, and at each after it."""
    reply = control.reply_octets

    def octets(request: Mapping[str, Any]) -> bytes:
        return b"" if len(control.asked(operation)) >= call else reply(request)

    monkeypatch.setattr(control, "reply_octets", octets)


async def all_octets(console: RunningConsole, path: str) -> bytes:
    """All that comes until the console closes; the client would keep the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\nCookie: {SESSION}={TOKEN}\r\n\r\n"
    writer.write(head.encode())
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_download_that_breaks_off_is_closed_and_no_second_answer_follows(
    console: RunningConsole, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {**batch(row(1)), "cursor": "next", "cursors": [], "problems": [], "lost": 0}
    control.answers |= {"log.choices": CHOICES, "log.search": found}
    dies_at(control, monkeypatch, "log.search", 2)
    answer = await all_octets(console, "/log/rows.csv")
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"n1.example.org" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"<html" not in answer
    assert not answer.endswith(b"0\r\n\r\n"), "the last chunk would say that it is whole"


async def test_a_live_log_without_control_ends_with_its_sentence(
    console: RunningConsole, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_views, "POLL_S", 0.005)
    control.answers |= {"log.choices": CHOICES, "log.live": batch(row(1)), "log.live_next": batch()}
    control.answers["session.show"] = whoami("safeguarding_lead")
    dies_at(control, monkeypatch, "session.show", 2)
    _, text = await console.get("/log/live/stream")
    assert "Filtering goes on." in text
    assert text.endswith("event: ended\ndata: ended\n\n")
    assert text.count("<html") == 0
