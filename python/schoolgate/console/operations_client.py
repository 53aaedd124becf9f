"""The console's end of the operations socket: a small pool of connections, each with one call at a time.

Each call carries the session of the person who asks, or "" for none; the console has no right of its own. Results are
plain JSON values: what they were made of lives in the control process alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from schoolgate.console.errors import ControlBusy, ControlNotRunning, ControlWentAway, refusal
from schoolgate.operations.socket_messages import LARGEST_REPLY_OCTETS, line

# The control process admits 32 of one user; some are left to a second console that takes over.
MOST_CONNECTIONS: Final = 24
# Calls that wait for a connection: more people than a school has staff.
MOST_WAITING: Final = 256
# The control process closes a connection after 10 s of silence.
IDLE_S: Final = 5.0
# Long work says how far it is; nothing comes for this long only where the process is stuck.
SILENCE_S: Final = 120.0

Say = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Caller:
    """Who asks: the token of a session, of the API, or of the first run, and where from. None is in a log."""

    session: str = field(default="", repr=False)
    address: str = ""
    user_agent: str = ""
    api_token: str = field(default="", repr=False)
    setup_token: str = field(default="", repr=False)

    @property
    def credential(self) -> dict[str, str]:
        """What the control process knows the caller by."""
        if self.setup_token:
            return {"setup_token": self.setup_token}
        return {"api_token": self.api_token} if self.api_token else {"session": self.session}


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float

    def close(self) -> None:
        self.writer.close()


class OperationsClient:
    """Calls operations at `path`. Belongs to one event loop."""

    def __init__(self, path: Path, *, silence_s: float = SILENCE_S) -> None:
        self._path = path
        self._silence_s = silence_s
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._waiting = 0

    async def call(
        self, caller: Caller, name: str, arguments: Mapping[str, Any] | None = None, say: Say | None = None
    ) -> Any:
        """The result of an operation as JSON values. `say` gets what is said before it.

        Raises `ControlNotRunning`, `ControlWentAway`, `ControlBusy`, and `OperationRefused` or the kind of it:
        `SessionEnded`, `FactorNeeded`, `RightMissing`. A call that is cancelled is done all the same.
        """
        request = line(
            {
                "operation": name,
                "arguments": dict(arguments or {}),
                **caller.credential,
                "from": {"address": caller.address, "user_agent": caller.user_agent},
            }
        )
        async with self._place():
            reply = await self._exchange(request, say)
        if reply.get("ok") is True:
            return reply.get("result")
        raise refusal(reply["error"])

    async def close(self) -> None:
        """Closes what is open and idle."""
        idle, self._idle = self._idle, []
        for one in idle:
            one.close()
            with contextlib.suppress(OSError):
                await one.writer.wait_closed()

    @contextlib.asynccontextmanager
    async def _place(self) -> Any:
        if self._waiting >= MOST_WAITING:
            raise ControlBusy("too many people wait for `schoolgate control`; try again in a moment")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    async def _exchange(self, request: bytes, say: Say | None) -> dict[str, Any]:
        connection = await self._connection()
        try:
            connection.writer.write(request)
            reply = await self._last_reply(connection.reader, say)
        except (OSError, ValueError, EOFError) as error:
            connection.close()
            raise ControlWentAway(
                f"{self._path}: `schoolgate control` went away or does not answer ({error or type(error).__name__});"
                " whether it was done is in the audit log"
            ) from error
        except BaseException:
            connection.close()
            raise
        connection.used_at = asyncio.get_running_loop().time()
        self._idle.append(connection)
        return reply

    async def _last_reply(self, reader: asyncio.StreamReader, say: Say | None) -> dict[str, Any]:
        while True:
            # Not wait_for: in Python 3.11 it may swallow a cancellation.
            async with asyncio.timeout(self._silence_s):
                octets = await reader.readline()
            if not octets.endswith(b"\n"):
                raise EOFError("it closed the connection")
            reply: dict[str, Any] = orjson.loads(octets)
            if "said" not in reply:
                return reply
            if say is not None:
                say(reply["said"])

    async def _connection(self) -> _Connection:
        """One that is open still, the latest used first, or a new one."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            one = self._idle.pop()
            if now - one.used_at < IDLE_S and not one.reader.at_eof() and not one.writer.is_closing():
                return one
            one.close()
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path), limit=LARGEST_REPLY_OCTETS)
        except OSError as error:
            raise ControlNotRunning(
                f"{self._path}: no control process answers ({error.strerror or error}); start `schoolgate control`"
            ) from error
        return _Connection(reader, writer, now)
