"""The control process's end of the operations socket. The kernel says who calls; a caller claims no role.

Root and the user of the service have the roles of the settings. Other users, such as the console's, have none: they
bring the session or the token of a person with each request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
import socket
import stat
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from schoolgate.accounts.roles import Role
from schoolgate.control.server import listening_socket
from schoolgate.errors import SchoolgateError
from schoolgate.operations.actor import local_actor, login_of
from schoolgate.operations.errors import ArgumentsRefused, NotPermitted, OperationProblem
from schoolgate.operations.operations import Operations
from schoolgate.operations.socket_messages import LARGEST_REQUEST_OCTETS, Request, done, read_request, refused, said
from schoolgate.operations.work import Said

MOST_CONNECTIONS = 64
# Of one user: a program that goes wrong leaves room for others.
MOST_OF_ONE_USER = 32
# These of all are for root and the user of the service, who set things right.
KEPT_FOR_OWNERS = 16
# Connections that the kernel keeps until they are admitted or closed.
BACKLOG = 512
# With the group of the console's user.
GROUP_MODE = 0o660
# A client sends its line at once; one that does not is gone or means harm.
REQUEST_TIMEOUT_S = 10.0
# Lines said before the result that wait for a slow reader; the oldest go.
MOST_SAID = 1_000

_log = logging.getLogger(__name__)


class Defect(OperationProblem):
    """An operation ended by a defect."""


class OperationsSocket:
    """Does operations for the users of this machine. `local_roles`: what roles they have now."""

    def __init__(
        self,
        path: Path,
        operations: Operations,
        local_roles: Callable[[], frozenset[Role]],
        *,
        console_user: str = "",
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.path = path
        self._operations = operations
        self._local_roles = local_roles
        self._console_user = console_user
        # The service's user and root: no one else has roles by being on this machine.
        self._owners = {0, os.geteuid()}
        self._request_timeout_s = request_timeout_s
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], int] = {}
        # Operations under way, and connections that wait for one: the first may outlive the second.
        self._running: set[asyncio.Task[Any]] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def start(self) -> None:
        """Raises `ControlSocketUnusable`, also when another process answers there."""
        sock = listening_socket(self.path, "server.operations_socket")
        open_to(self.path, self._console_user)
        self._server = await asyncio.start_unix_server(
            self._admit, sock=sock, limit=LARGEST_REQUEST_OCTETS, backlog=BACKLOG
        )

    async def stop(self) -> None:
        """Takes no more, waits for what is being done, closes, and removes the file. A service manager that does not
        wait as long kills the process, and the next one says what was interrupted."""
        if self._server is None:
            return
        self._is_stopping = True
        self._server.close()
        if under_way := {*self._running, *self._answering}:
            await asyncio.wait(under_way)
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        process, uid = _peer(writer)
        # Now: a process that ends leaves its number to another.
        login = login_of(process)
        if not self._has_room_for(uid):
            writer.close()
            return
        self._connections[task] = uid
        try:
            await self._serve(reader, writer, uid, login)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._connections.pop(task, None)
            writer.close()

    def _has_room_for(self, uid: int) -> bool:
        of_user = sum(one == uid for one in self._connections.values())
        most = MOST_CONNECTIONS - (0 if uid in self._owners else KEPT_FOR_OWNERS)
        return len(self._connections) < most and of_user < MOST_OF_ONE_USER

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uid: int, login: int | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._is_stopping:
            try:
                line = await asyncio.wait_for(reader.readline(), self._request_timeout_s)
            except ValueError:  # longer than the limit
                error = ArgumentsRefused(f"a request has at most {LARGEST_REQUEST_OCTETS} octets")
                await self._send(writer, refused(error))
                return
            if not line.endswith(b"\n"):
                return
            self._answering.add(task)
            try:
                await self._answer(writer, line, uid, login)
            finally:
                self._answering.discard(task)

    async def _answer(self, writer: asyncio.StreamWriter, line: bytes, uid: int, login: int | None) -> None:
        loop, words = asyncio.get_running_loop(), asyncio.Queue[bytes]()

        def say(one: Said) -> None:
            loop.call_soon_threadsafe(_put, words, said(one))

        try:
            request = read_request(line)
            doing = self._doing(request, uid, login, say)
        except (ArgumentsRefused, NotPermitted) as error:
            await self._send(writer, refused(error))
            return
        name = request.operation
        # A task of its own: what was begun ends, also when its caller hung up.
        task = asyncio.create_task(doing)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda done: _log_defect(done, name))
        task.add_done_callback(lambda _: words.put_nowait(b""))
        while word := await words.get():
            await self._send(writer, word)
        await self._send(writer, _outcome(task, name))

    def _doing(
        self, request: Request, uid: int, login: int | None, say: Callable[[Said], None]
    ) -> Coroutine[Any, Any, Any]:
        """The call. Raises `NotPermitted` where neither the kernel nor the request says for whom it is."""
        given = request.credentials
        if given.are_given:
            return self._operations.call_for(given, request.operation, request.arguments, say)
        if uid not in self._owners:
            raise NotPermitted("a request of this user names the session or the API token of a person")
        actor = local_actor(uid, login, self._local_roles())
        return self._operations.call(actor, request.operation, request.arguments, say)

    async def _send(self, writer: asyncio.StreamWriter, octets: bytes) -> None:
        writer.write(octets)
        await asyncio.wait_for(writer.drain(), self._request_timeout_s)


def _outcome(task: asyncio.Task[Any], name: str) -> bytes:
    error = task.exception()
    if error is None:
        return done(task.result())
    if isinstance(error, SchoolgateError):
        return refused(error)
    if isinstance(error, OSError) and error.filename is not None:
        return refused(OperationProblem(f"{error.filename}: {error.strerror}; check the path, rights and space"))
    return refused(Defect(f"{name} failed because of a defect; the log of `schoolgate control` says more"))


def _log_defect(task: asyncio.Task[Any], name: str) -> None:
    """Also where the caller went away."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, SchoolgateError) and getattr(error, "filename", None) is None:
        _log.error("the operation %s failed", name, exc_info=error)


def _put(words: asyncio.Queue[bytes], word: bytes) -> None:
    if words.qsize() >= MOST_SAID:
        words.get_nowait()
    words.put_nowait(word)


def open_to(path: Path, user: str) -> None:
    """Lets the console's user connect, where there is such a user: by its group, or by that of a directory whose files
    have the directory's group (S_ISGID). Otherwise the service's user and root alone connect, and the log says so."""
    try:
        group = pwd.getpwnam(user).pw_gid
    except (KeyError, ValueError):
        return
    try:
        if not path.parent.stat().st_mode & stat.S_ISGID:
            os.chown(path, -1, group)
        path.chmod(GROUP_MODE)
    except OSError as error:
        _log.warning(
            "%s is not open to %s (%s): give its directory that group, and mode 2750", path, user, error.strerror
        )


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Process and user of the other end, by the kernel (SO_PEERCRED)."""
    sock = writer.get_extra_info("socket")
    process, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return process, uid
