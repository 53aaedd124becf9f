"""The live log: shared polls, bounded queues, and a right that is asked for again with each batch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import TOKEN, FakeControl, Refused, whoami
from tests.waiting import until_turned

from schoolgate.console import live_views
from schoolgate.console.live_views import MOST_WAITING, LiveViewer, LiveViews, Shown
from schoolgate.console.operations_client import Caller, OperationsClient
from schoolgate.console.screens import live_log
from schoolgate.console.session_cookie import SESSION

CHOICES = {
    "segments": {"pupils": "pupil"}, "policies": ["pupil"], "categories": {"games": "Games"}, "layers": {},
    "time_zone": "Europe/London",
}  # fmt: skip
EVERYONE = Shown("", True, "", ())


def row(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "time": f"2026-11-30T09:00:{number // 10_000:02}.{number % 10_000:04}00+00:00", "client": "p-abcdefgh",
        "segment": "pupils", "policy": "pupil", "qname": f"n{number}.example.org", "qtype": 1, "action": "deny",
        "layer": "category", "category": "games", "rule": "starter/games:1", "door": "udp",
    } | changed  # fmt: skip


def batch(*rows: Mapping[str, Any], after: str = "view.0", **changed: Any) -> dict[str, Any]:
    found = {"rows": list(rows), "after": after, "sealed": 0, "left_out": 0, "may_miss": False, "ends": "2026"}
    return found | changed


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_views, "POLL_S", 0.005)


@pytest_asyncio.fixture
async def views(control: FakeControl) -> AsyncIterator[LiveViews]:
    control.answers |= {"log.live": batch(row(1)), "log.live_next": batch(), "log.choices": CHOICES}
    client = OperationsClient(control.path)
    made = LiveViews(client)
    yield made
    await made.close()
    await client.close()


async def test_viewers_of_the_same_share_one_poll_and_late_ones_get_what_is_kept(
    views: LiveViews, control: FakeControl
) -> None:
    many = [views.join(EVERYONE, Caller(TOKEN), {}, None) for _ in range(5)]
    found = [await one.next(20) for one in many if one is not None]
    assert [len(one.rows) for one in found if one is not None] == [1] * 5
    late = views.join(EVERYONE, Caller(TOKEN), {}, None)
    assert late is not None
    kept = await late.next(20)
    assert kept is not None
    assert kept.rows == [row(1)]
    assert (views.polls, views.viewers, len(control.asked("log.live"))) == (1, 6, 1)
    for one in (*many, late):
        assert one is not None
        views.leave(EVERYONE, one)
    assert (views.polls, views.viewers) == (0, 0)


async def test_a_view_of_a_device_is_each_viewers_own(views: LiveViews, control: FakeControl) -> None:
    for login in ("ada", "bob"):
        views.join(Shown(login, True, "192.0.2.1", ()), Caller(TOKEN), {"client": "192.0.2.1"}, None)
    await until_turned(lambda: len(control.asked("log.live")) == 2)
    assert views.polls == 2


async def test_the_oldest_rows_are_dropped_and_counted() -> None:
    viewer = LiveViewer(Caller(TOKEN))
    viewer.put([row(number) for number in range(MOST_WAITING + 30)], dropped=4, sealed=2)
    found = await viewer.next(0.1)
    assert found is not None
    assert (len(found.rows), found.dropped, found.sealed) == (MOST_WAITING, 34, 2)
    assert found.rows[-1] == row(MOST_WAITING + 29)
    assert await viewer.next(0.01) is None


async def test_a_view_that_is_over_is_opened_again_and_shows_no_row_twice(
    views: LiveViews, control: FakeControl
) -> None:
    control.answers["log.live_next"] = Refused("ViewEnded", "over")
    viewer = views.join(EVERYONE, Caller(TOKEN), {}, None)
    assert viewer is not None
    await until_turned(lambda: len(control.asked("log.live")) > 3)
    control.answers["log.live"] = batch(row(1), row(2))
    rows: list[Any] = []
    while len(rows) < 2:
        found = await viewer.next(20)
        assert found is not None
        rows += found.rows
    assert rows == [row(1), row(2)]


async def test_when_the_first_viewers_session_ends_the_others_go_on(views: LiveViews, control: FakeControl) -> None:
    first = views.join(EVERYONE, Caller("an-ended-session"), {}, None)
    second = views.join(EVERYONE, Caller(TOKEN), {}, None)
    assert first is not None
    assert second is not None
    ended, going = await first.next(20), await second.next(20)
    assert ended is not None
    assert ended.ended == "Your session has ended."
    assert going is not None
    assert (going.rows, going.ended) == ([row(1)], "")


async def test_what_fails_again_and_again_ends_with_a_reason(views: LiveViews, control: FakeControl) -> None:
    control.answers["log.live"] = Refused("LogProblem", "the log is gone")
    viewer = views.join(EVERYONE, Caller(TOKEN), {}, None)
    assert viewer is not None
    found = await viewer.next(20)
    assert found is not None
    assert "Filtering goes on." in found.ended


async def test_there_is_a_bound_on_viewers(views: LiveViews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_views, "MOST_VIEWERS", 2)
    joined = [views.join(EVERYONE, Caller(TOKEN), {}, None) for _ in range(3)]
    assert [one is None for one in joined] == [False, False, True]


async def test_the_stream_has_rows_and_counts_and_ends_when_the_right_is_gone(
    console: RunningConsole, control: FakeControl
) -> None:
    hostile = row(7, qname="<script>x</script>.example.org")
    control.answers |= {"log.choices": CHOICES, "log.live": batch(hostile, sealed=2, left_out=3)}
    control.answers["log.live_next"] = batch()
    control.answers["session.show"] = whoami("safeguarding_lead")
    headers = {"Cookie": f"{SESSION}={TOKEN}"}
    async with ClientSession() as session, session.get(f"{console.address}/log/live/stream", headers=headers) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        first = (await answer.content.readuntil(b"\n\n")).decode()
        assert first.startswith("id: 2026-11-30T09:00:00.0007")
        assert "&lt;script&gt;x&lt;/script&gt;" in first
        assert "<script" not in first
        assert "2 hits of sealed lists are not shown here" in first
        assert "3 older questions are left out" in first
        control.answers["session.show"] = whoami("governor")
        control.answers["log.live_next"] = batch(row(8))
        rest = (await answer.content.read()).decode()
    assert "no longer yours to see" in rest
    assert "n8.example.org" not in rest
    assert rest.endswith("event: ended\ndata: ended\n\n")


async def test_the_stream_ends_by_itself(
    console: RunningConsole, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "LASTS_S", 0.1)
    control.answers |= {"log.choices": CHOICES, "log.live": batch(), "log.live_next": batch()}
    _, text = await console.get("/log/live/stream?segment=pupils")
    assert "Stopped after 15 minutes." in text
    (asked,) = control.asked("log.live")
    assert asked["arguments"]["filters"] == {"segments": ["pupils"]}
    assert asked["arguments"]["client"] is None, "a network manager sees no devices"
