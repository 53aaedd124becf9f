"""The console's end of the operations socket: errors by their kind, connections used again, calls that do not mix."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.console.fake_control import TOKEN, FakeControl, Refused

from schoolgate.console.errors import ControlNotRunning, FactorNeeded, RightMissing, SessionEnded
from schoolgate.console.operations_client import MOST_CONNECTIONS, Caller, OperationsClient
from schoolgate.operations.socket_messages import OperationRefused

CALLER = Caller(TOKEN, "192.0.2.1", "a browser")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("SessionEnded", SessionEnded),
        ("FactorNeeded", FactorNeeded),
        ("NotPermitted", RightMissing),
        ("PolicyRefused", OperationRefused),
    ],
)
async def test_a_refusal_has_its_kind(control: FakeControl, kind: str, error: type[Exception]) -> None:
    control.answers["policy.show"] = Refused(kind, "what to do next")
    client = OperationsClient(control.path)
    with pytest.raises(error, match="what to do next"):
        await client.call(CALLER, "policy.show")
    await client.close()


async def test_calls_one_after_another_use_one_connection(control: FakeControl) -> None:
    client = OperationsClient(control.path)
    for _ in range(5):
        await client.call(CALLER, "session.show")
    assert control.connections == 1
    await client.close()


async def test_calls_at_the_same_time_get_their_own_answers_on_a_bounded_number_of_connections(
    control: FakeControl,
) -> None:
    control.answers["echo"] = lambda request: request["arguments"]["number"]
    client = OperationsClient(control.path)
    numbers = await asyncio.gather(*(client.call(CALLER, "echo", {"number": one}) for one in range(200)))
    assert numbers == list(range(200))
    assert control.connections <= MOST_CONNECTIONS
    await client.close()


async def test_a_call_that_was_cancelled_gives_no_other_call_its_answer(control: FakeControl) -> None:
    control.answers["echo"] = lambda request: request["arguments"]["number"]
    client = OperationsClient(control.path)
    await client.call(CALLER, "echo", {"number": 0})
    lost = asyncio.create_task(client.call(CALLER, "echo", {"number": 1}))
    await asyncio.sleep(0)
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)
    assert await client.call(CALLER, "echo", {"number": 2}) == 2
    await client.close()


async def test_without_a_control_process_the_error_says_what_to_start(tmp_path: Path) -> None:
    client = OperationsClient(tmp_path / "nothing.sock")
    with pytest.raises(ControlNotRunning, match="start `schoolgate control`"):
        await client.call(CALLER, "session.show")


async def test_a_control_process_that_goes_away_in_the_middle_is_an_error_and_nothing_is_sent_again(
    tmp_path: Path,
) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readline()
        asked += 1
        writer.close()

    async with await asyncio.start_unix_server(hang_up, str(tmp_path / "a.sock")):
        with pytest.raises(ControlNotRunning, match="audit log"):
            await OperationsClient(tmp_path / "a.sock").call(CALLER, "policy.block")
    assert asked == 1


def test_a_token_is_in_no_text_of_a_caller() -> None:
    assert TOKEN not in repr(CALLER)
