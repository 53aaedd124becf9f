"""The TCP door for clients (RFC 7766): a listener per address, many messages a connection, answered as they are ready.

It frames and bounds; every message goes to the plane, where the one function that decides any query decides it. No
client may hold a connection by doing nothing, by sending slowly or by not reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from schoolgate.stream.client_connection import Endpoint, StreamConnection, StreamLimits
from schoolgate.stream.listening import BACKLOG

SWEEP_EVERY_S: Final = 0.5
CROWDED_SHARE: Final = 0.75
"""With more than this share of the connections taken, idle ones are closed after `CROWDED_IDLE_S`: connections that do
nothing must not keep others out (RFC 7766 section 6.2.3)."""
CROWDED_IDLE_S: Final = 1.0


class AnswerSource(Protocol):
    """The part of the plane that this door needs."""

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None: ...
    def answers_fd(self) -> int: ...
    def take_answers(self) -> list[tuple[int, bytes]]: ...


class StreamDoor:
    """All TCP listeners and their connections. Belongs to one event loop; `await start()`, `await stop()`."""

    def __init__(
        self,
        plane: AnswerSource,
        listeners: Iterable[socket.socket],
        limits: StreamLimits | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or StreamLimits()
        self.clock = clock
        self.loop = loop if loop is not None else asyncio.get_running_loop()
        self.is_stopping = False
        self.counters = dict.fromkeys(
            ("connections", "refused_total", "refused_per_client", "messages", "answers", "answers_without_client",
             "closed_idle", "closed_slow_sender", "closed_slow_reader", "closed_bad_frame", "closed_by_verdict",
             "paused_pipelined"), 0)  # fmt: skip
        self._plane = plane
        self._listeners = list(listeners)
        self._servers: list[asyncio.Server] = []
        self._connections: set[StreamConnection] = set()
        self._per_client: dict[str, int] = {}
        self._waiting: dict[int, StreamConnection] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_empty = asyncio.Event()

    @property
    def listening(self) -> list[Endpoint]:
        """Where it listens, with the real port where 0 was asked for."""
        return [Endpoint(*one.getsockname()[:2]) for server in self._servers for one in server.sockets]

    async def start(self) -> None:
        """Accepts clients that wait at a listener, and those that come."""
        for sock in self._listeners:
            server = await self.loop.create_server(lambda: StreamConnection(self), sock=sock, backlog=BACKLOG)
            self._servers.append(server)
        self.loop.add_reader(self._plane.answers_fd(), self._hand_out)
        self._sweep_timer = self.loop.call_later(SWEEP_EVERY_S, self._sweep_again)

    async def stop(self, grace_s: float = 4.5) -> None:
        """Accept and read no more; open answers may go out for `grace_s`, then all is closed."""
        self.is_stopping = True
        await self._close_servers()
        for connection in list(self._connections):
            connection.finish()
        if self._connections:
            self._is_empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_empty.wait(), grace_s)
        for connection in list(self._connections):
            connection.abort()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self.loop.remove_reader(self._plane.answers_fd())
            self._sweep_timer = None
        await asyncio.sleep(0)

    def stats(self) -> dict[str, int]:
        """Counters, and how many connections and unanswered messages there are now."""
        return {**self.counters, "open": len(self._connections), "waiting": len(self._waiting)}

    async def _close_servers(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        await asyncio.sleep(0)

    # -- for connections ------------------------------------------------------------------------------------------

    def admit(self, connection: StreamConnection) -> bool:
        """Whether there is room for one more, in all and for this client."""
        client = connection.client.address
        if self.is_stopping or len(self._connections) >= self.limits.connections:
            self.counters["refused_total"] += 1
            return False
        if self._per_client.get(client, 0) >= self.limits.connections_per_client:
            self.counters["refused_per_client"] += 1
            return False
        self.counters["connections"] += 1
        self._connections.add(connection)
        self._per_client[client] = self._per_client.get(client, 0) + 1
        return True

    def leave(self, connection: StreamConnection) -> None:
        """The connection is gone; answers it waited for are dropped."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        client = connection.client.address
        self._per_client[client] -= 1
        if not self._per_client[client]:
            del self._per_client[client]
        for ticket in connection.tickets:
            self._waiting.pop(ticket, None)
        if not self._connections:
            self._is_empty.set()

    def ask(self, connection: StreamConnection, message: bytes) -> bytes | int | None:
        """Let the plane decide one message; a ticket is remembered for its connection."""
        self.counters["messages"] += 1
        outcome = self._plane.ask(message, *connection.client, *connection.local)
        if isinstance(outcome, int):
            self._waiting[outcome] = connection
        return outcome

    # -- answers and time -----------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        for ticket, answer in self._plane.take_answers():
            connection = self._waiting.pop(ticket, None)
            if connection is None:
                self.counters["answers_without_client"] += 1
            else:
                connection.answered(ticket, answer)

    def _sweep_again(self) -> None:
        self._sweep_timer = self.loop.call_later(SWEEP_EVERY_S, self._sweep_again)
        self.sweep(self.clock())

    def sweep(self, now: float) -> None:
        """Close what has been idle or slow for too long at `now`."""
        idle_s = self.limits.idle_s
        if len(self._connections) > self.limits.connections * CROWDED_SHARE:
            idle_s = min(idle_s, CROWDED_IDLE_S)
        for connection in list(self._connections):
            reason = connection.overdue(now, idle_s)
            if reason is not None:
                self.counters[reason] += 1
                connection.abort()
