"""The service's end of the control socket. A slow, greedy or confused client costs a connection, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from schoolgate.control.socket_path import LONGEST_PATH_OCTETS
from schoolgate.errors import SchoolgateError

# A request names a command and a name or two.
LARGEST_REQUEST_OCTETS = 64 * 1024
# A client sends its line at once; one that does not is gone or means harm.
REQUEST_TIMEOUT_S = 10.0
MOST_CONNECTIONS = 32
# The service's user and no one else.
SOCKET_MODE = 0o600

_log = logging.getLogger(__name__)

Arguments = Mapping[str, Any]
Handler = Callable[[Arguments], Awaitable[Any]]


class ControlSocketUnusable(SchoolgateError):
    """The control socket cannot be opened."""


class ControlServer:
    """Answers commands on a socket file. `handlers` by command; a handler that takes long must leave the loop free."""

    def __init__(
        self, path: Path, handlers: Mapping[str, Handler], *, request_timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        self.path = path
        self._handlers = dict(handlers)
        self._request_timeout_s = request_timeout_s
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Opens the socket. Raises `ControlSocketUnusable`, also when another service answers there."""
        sock = listening_socket(self.path)
        self._server = await asyncio.start_unix_server(self._admit, sock=sock, limit=LARGEST_REQUEST_OCTETS)

    async def stop(self) -> None:
        """Closes the socket and its connections, and removes the file."""
        if self._server is None:
            return
        self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._talks) >= MOST_CONNECTIONS:
            writer.close()
            return
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(talk)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), self._request_timeout_s)
            except ValueError:  # longer than the limit
                await self._send(writer, _refusal(f"a request has at most {LARGEST_REQUEST_OCTETS} octets"))
                return
            if not line.endswith(b"\n"):
                return
            await self._send(writer, await self._answer(line))

    async def _send(self, writer: asyncio.StreamWriter, reply: dict[str, Any]) -> None:
        writer.write(orjson.dumps(reply, default=str) + b"\n")
        await asyncio.wait_for(writer.drain(), self._request_timeout_s)

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError:
            return _refusal('a request is one line of JSON, such as {"command": "status"}')
        command = request.get("command") if isinstance(request, dict) else None
        handler = self._handlers.get(command) if isinstance(command, str) else None
        if handler is None:
            return _refusal(f"there is no command {command!r}; use one of: {', '.join(sorted(self._handlers))}")
        try:
            return {"ok": True, "result": await handler(request)}
        except SchoolgateError as error:
            return _refusal(str(error))
        except Exception:
            _log.exception("the command %s failed", command)
            return _refusal(f"{command} failed because of a defect; the service goes on, its log says more")


def _refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def listening_socket(path: Path, setting: str = "server.control_socket") -> socket.socket:
    """A bound socket file of mode 0600, in the place of one whose service is gone. Raises `ControlSocketUnusable`."""
    if len(os.fsencode(path)) > LONGEST_PATH_OCTETS:
        raise ControlSocketUnusable(
            f"{path}: longer than a socket's path may be ({LONGEST_PATH_OCTETS} octets); set {setting}"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    before = os.umask(0o777 & ~SOCKET_MODE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        _remove_stale(path, setting)
        sock.bind(str(path))
    except OSError as error:
        sock.close()
        raise ControlSocketUnusable(f"{path}: {error.strerror or error}; check rights, or set {setting}") from error
    except ControlSocketUnusable:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def _remove_stale(path: Path, setting: str) -> None:
    """Removes the socket of a service that was killed; never that of one that runs, never another kind of file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlSocketUnusable(f"{path} is there and is not a socket; move it, or set {setting}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise ControlSocketUnusable(f"{path}: another schoolgate answers there; stop it, or set {setting}")
