"""What the API keeps in memory is bounded: requests of each caller, changes that were done, open streams."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from schoolgate.console.api import done_requests, event_stream, request_limits
from schoolgate.console.api.done_requests import DoneRequests
from schoolgate.console.api.event_stream import OpenStreams
from schoolgate.console.api.problem_details import ProblemFound
from schoolgate.console.api.request_limits import AcceptedTokens, RequestLimit


class Clock:
    """Seconds that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_empties_and_fills_with_time(clock: Clock) -> None:
    limit = RequestLimit(3, 0.5, clock)
    for _ in range(3):
        assert limit.wait_s("a") == 0
        limit.take("a")
    assert limit.wait_s("a") == 2.0
    assert limit.wait_s("b") == 0
    assert limit.refused == 1
    clock.now += 2
    assert limit.wait_s("a") == 0
    clock.now += 1_000
    for _ in range(3):
        limit.take("a")
    assert limit.wait_s("a") > 0, "no more than the burst is saved up"


def test_the_table_of_callers_is_bounded(clock: Clock) -> None:
    limit = RequestLimit(3, 0.5, clock)
    for one in range(request_limits.MOST_CALLERS * 2):
        limit.take(str(one))
    assert len(limit) == request_limits.MOST_CALLERS


def test_good_tokens_are_remembered_in_a_bounded_table() -> None:
    accepted = AcceptedTokens()
    for one in range(request_limits.MOST_CALLERS + 1):
        accepted.add(str(one))
    assert "0" not in accepted and "1" in accepted
    accepted.remove("1")
    assert "1" not in accepted


def kind_of_refusal(done: DoneRequests, key: str, fingerprint: bytes = b"f") -> str:
    with pytest.raises(ProblemFound) as found:
        done.begin(("token", key), fingerprint)
    return found.value.kind.name


def test_a_change_is_under_way_then_done_then_forgotten(clock: Clock) -> None:
    done = DoneRequests(clock)
    assert done.begin(("token", "k"), b"f") is None
    assert kind_of_refusal(done, "k") == "idempotency-busy"
    done.end(("token", "k"), 200, b"{}")
    assert kind_of_refusal(done, "k", b"other") == "idempotency-mismatch"
    found = done.begin(("token", "k"), b"f")
    assert found is not None and found.answer == (200, b"{}")
    assert done.begin(("another token", "k"), b"f") is None
    clock.now += done_requests.KEPT_S + 1
    assert done.begin(("token", "k"), b"other") is None


def test_what_was_refused_may_be_sent_again(clock: Clock) -> None:
    done = DoneRequests(clock)
    assert done.begin(("token", "k"), b"f") is None
    done.forget(("token", "k"))
    assert done.begin(("token", "k"), b"f") is None


def test_a_long_answer_is_not_kept_and_that_it_was_done_is(clock: Clock) -> None:
    done = DoneRequests(clock)
    done.begin(("token", "k"), b"f")
    done.end(("token", "k"), 200, b"a" * (done_requests.LONGEST_ANSWER + 1))
    found = done.begin(("token", "k"), b"f")
    assert found is not None and found.answer is not None and found.answer[0] == 409


def test_one_token_pushes_out_no_change_of_another(clock: Clock) -> None:
    done = DoneRequests(clock)
    done.begin(("quiet", "k"), b"f")
    done.end(("quiet", "k"), 200, b"1")
    for one in range(done_requests.MOST_KEPT * 2):
        done.begin(("greedy", str(one)), b"f")
        done.end(("greedy", str(one)), 200, b"1")
    assert len(done) == done_requests.MOST_OF_A_TOKEN + 1
    assert done.begin(("quiet", "k"), b"f") is not None


def test_changes_under_way_are_never_forgotten_for_new_ones(clock: Clock) -> None:
    done = DoneRequests(clock)
    for one in range(done_requests.MOST_KEPT):
        done.begin(("token", str(one)), b"f")
    assert kind_of_refusal(done, "one more") == "busy"


def test_streams_have_places_and_give_them_back() -> None:
    streams = OpenStreams(2)
    with streams.place("a"), streams.place("b"), pytest.raises(ProblemFound), streams.place("c"):
        pass
    with streams.place("c"):
        pass


async def test_steps_come_before_the_result_and_the_oldest_go_where_the_reader_is_slow() -> None:
    steps: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(2)
    go_on = asyncio.Event()

    async def long_work() -> str:
        for one in range(3):
            event_stream.put_step(steps, {"done": one})
        await go_on.wait()
        event_stream.put_step(steps, {"done": 3})
        return "line\nbreak"

    calling = asyncio.create_task(long_work())
    await asyncio.wait({calling}, timeout=0)
    events = event_stream.work(calling, steps)
    assert await anext(events) == b'event: progress\ndata: {"done":1}\n\n'
    go_on.set()
    rest = [one async for one in events]
    assert rest == [
        b'event: progress\ndata: {"done":2}\n\n',
        b'event: progress\ndata: {"done":3}\n\n',
        b'event: result\ndata: "line\\nbreak"\n\n',
    ]


async def test_a_stream_without_news_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.001)
    calling = asyncio.create_task(asyncio.Event().wait())
    events = event_stream.work(calling, asyncio.Queue(1))
    assert (await anext(events)).startswith(b":")
    calling.cancel()
    await asyncio.wait({calling})
