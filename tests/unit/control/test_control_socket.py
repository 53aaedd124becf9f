"""The control socket: one line in, one line out; nobody can hold, flood or confuse the service through it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from schoolgate.control import (
    CommandRefused,
    ControlUnreachable,
    NotRunning,
    call,
    call_if_running,
)
from schoolgate.control.server import (
    LARGEST_REQUEST_OCTETS,
    MOST_CONNECTIONS,
    Arguments,
    ControlServer,
    ControlSocketUnusable,
)
from schoolgate.errors import SchoolgateError

PATIENT_S = 60.0


async def echo(arguments: Arguments) -> dict[str, Any]:
    return {"said": arguments.get("word")}


async def refuse(_arguments: Arguments) -> None:
    raise SchoolgateError("not today; try tomorrow")


async def break_down(_arguments: Arguments) -> None:
    raise RuntimeError("a defect with a secret in it")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest_asyncio.fixture
async def server(path: Path) -> AsyncIterator[ControlServer]:
    handlers = {"echo": echo, "refuse": refuse, "break": break_down}
    server = ControlServer(path, handlers, request_timeout_s=PATIENT_S)
    await server.start()
    yield server
    await server.stop()


async def asked(path: Path, command: str, **arguments: Any) -> Any:
    return await asyncio.to_thread(call, path, command, timeout_s=PATIENT_S, **arguments)


async def raw(path: Path, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(octets)
        return await asyncio.wait_for(reader.readline(), PATIENT_S)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_command_is_answered(server: ControlServer, path: Path) -> None:
    assert await asked(path, "echo", word="schön") == {"said": "schön"}


async def test_several_commands_may_use_one_connection(server: ControlServer, path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    for word in ("one", "two"):
        writer.write(orjson.dumps({"command": "echo", "word": word}) + b"\n")
        assert orjson.loads(await reader.readline())["result"] == {"said": word}
    writer.close()
    await writer.wait_closed()


async def test_an_error_for_a_person_arrives_as_it_is(server: ControlServer, path: Path) -> None:
    with pytest.raises(CommandRefused, match=r"^not today; try tomorrow$"):
        await asked(path, "refuse")


async def test_a_defect_is_no_answer_for_strangers(server: ControlServer, path: Path) -> None:
    with pytest.raises(CommandRefused) as error:
        await asked(path, "break")
    assert "secret" not in str(error.value)
    assert await asked(path, "echo", word="on") == {"said": "on"}


@pytest.mark.parametrize(
    "line", [b"\n", b"status\n", b"[]\n", b'{"command": 7}\n', b'{"command": "nothing"}\n', b"\xff\n"]
)
async def test_nonsense_is_refused_with_a_hint(server: ControlServer, path: Path, line: bytes) -> None:
    reply = orjson.loads(await raw(path, line))
    assert reply["ok"] is False
    assert "command" in reply["error"]


async def test_a_request_without_end_is_cut_off(server: ControlServer, path: Path) -> None:
    reply = orjson.loads(await raw(path, b"x" * (2 * LARGEST_REQUEST_OCTETS)))
    assert "at most" in reply["error"]


async def test_a_client_that_says_nothing_is_dropped(path: Path) -> None:
    server = ControlServer(path, {"echo": echo}, request_timeout_s=0.01)
    await server.start()
    assert await raw(path, b"") == b""
    await server.stop()


async def test_too_many_connections_are_turned_away_and_the_others_served(server: ControlServer, path: Path) -> None:
    held = [await asyncio.open_unix_connection(path) for _ in range(MOST_CONNECTIONS)]
    reader, writer = await asyncio.open_unix_connection(path)
    assert await asyncio.wait_for(reader.read(), PATIENT_S) == b""
    for _, one in [*held, (reader, writer)]:
        one.close()
        await one.wait_closed()


async def test_only_its_own_user_may_open_it(server: ControlServer, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_file_goes_when_the_service_goes(path: Path) -> None:
    server = ControlServer(path, {})
    await server.start()
    await server.stop()
    assert not path.exists()


async def test_the_socket_of_a_killed_service_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    server = ControlServer(path, {"echo": echo})
    await server.start()
    assert await asked(path, "echo", word="anew") == {"said": "anew"}
    await server.stop()


async def test_a_socket_that_answers_is_not_taken_away(server: ControlServer, path: Path) -> None:
    with pytest.raises(ControlSocketUnusable, match="another schoolgate answers there"):
        await ControlServer(path, {}).start()
    assert await asked(path, "echo", word="still") == {"said": "still"}


async def test_another_kind_of_file_is_left_alone(path: Path) -> None:
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(ControlSocketUnusable, match="is not a socket"):
        await ControlServer(path, {}).start()
    assert path.read_text(encoding="utf-8") == "precious"


async def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(ControlSocketUnusable, match="longer than a socket's path may be"):
        await ControlServer(tmp_path / ("x" * 120), {}).start()


def test_nobody_there_is_not_running(path: Path) -> None:
    with pytest.raises(NotRunning, match="schoolgate serve"):
        call(path, "status")
    assert call_if_running(path, "status") is None


def test_a_deaf_service_is_given_up_after_the_timeout(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        with pytest.raises(ControlUnreachable, match="does not answer"):
            call(path, "status", timeout_s=0.05)
        # Deaf is not absent: a command must not go on as if no service ran.
        with pytest.raises(ControlUnreachable):
            call_if_running(path, "status", timeout_s=0.05)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_of_somebody_else_names_the_user_to_be(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as closed:
        closed.bind(str(path))
        closed.listen()
        path.chmod(0)
        with pytest.raises(ControlUnreachable, match=r"runuser -u"):
            call(path, "status")
