"""One client's TCP connection: messages in, answers out, each in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, cast

from schoolgate.resolver.framing import Frames, FrameTooShort, frame

MESSAGES_PER_WAKE: Final = 32
"""A segment full of short messages must not hold the loop; after these, others have their turn."""
WRITE_BUFFER_HIGH_OCTETS: Final = 64 * 1024
"""Unread answers above this stop us from reading more questions."""
WRITE_BUFFER_MAX_OCTETS: Final = 512 * 1024
"""Unread answers above this close the connection: who asks for much and reads nothing must not fill memory."""
ANSWER_WITHIN_S: Final = 5.0
"""The plane answers within 4 s; a connection that waits longer than this and `idle_s` has been forgotten."""


READ_OCTETS: Final = 4096
"""Read at once, into a buffer of our own: asyncio's 256 KiB for each of a thousand paused connections would be memory
that any client could claim."""


class Endpoint(NamedTuple):
    """An address (without a zone id) and a port."""

    address: str
    port: int


class StreamLimits(NamedTuple):
    """Settings of the door. Connections in all and per client address; seconds a connection may do nothing, take to
    send one message, or leave answers unread; unanswered messages per connection."""

    connections: int = 1024
    connections_per_client: int = 16
    idle_s: float = 10.0
    message_s: float = 3.0
    unread_s: float = 5.0
    pipelined: int = 64


class ConnectionOwner(Protocol):
    """The door, as its connections see it."""

    limits: StreamLimits
    counters: dict[str, int]
    clock: Callable[[], float]
    loop: asyncio.AbstractEventLoop

    def admit(self, connection: StreamConnection) -> bool: ...
    def leave(self, connection: StreamConnection) -> None: ...
    def ask(self, connection: StreamConnection, message: bytes) -> bytes | int | None: ...


class StreamConnection(asyncio.BufferedProtocol):
    """Reads while fewer than `pipelined` messages wait and the client reads its answers."""

    def __init__(self, door: ConnectionOwner) -> None:
        self.client = self.local = Endpoint("", 0)
        self._door = door
        self._buffer = bytearray(READ_OCTETS)
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._is_reading = True
        self._is_finishing = False
        self._is_scheduled = False
        self._active_at = door.clock()
        self._begun_at: float | None = None
        self._unread_since: float | None = None
        self.tickets: set[int] = set()

    # -- the transport's calls ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the client or turn it away."""
        self._transport = cast(asyncio.Transport, transport)
        client, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not client or not local:
            self._transport.abort()
            return
        self.client = Endpoint(client[0].partition("%")[0], client[1])
        self.local = Endpoint(local[0].partition("%")[0], local[1])
        if not self._door.admit(self):
            self._is_finishing = True
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_HIGH_OCTETS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._transport = None
        self._door.leave(self)
        self.tickets.clear()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next octets go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets from the client."""
        if self._is_finishing:
            return
        self._frames.put(self._buffer[:nbytes])
        self._take()

    def eof_received(self) -> bool:
        """The client asks no more; answers to its questions still go out."""
        self._is_finishing = True
        return bool(self.tickets)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._unread_since = self._door.clock()
        self._read_if_allowed()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._unread_since = None
        self._take()

    # -- the door's calls -----------------------------------------------------------------------------------------

    def answered(self, ticket: int, answer: bytes) -> None:
        """The plane's answer to an earlier message."""
        self.tickets.discard(ticket)
        self._write(answer)
        self._close_if_finished()
        if not self._is_reading:
            self._take()

    def finish(self) -> None:
        """Reads no more; closes once all answers have gone out."""
        self._is_finishing = True
        self._read_if_allowed()
        self._close_if_finished()

    def abort(self) -> None:
        """Close at once."""
        self._is_finishing = True
        if self._transport is not None:
            self._transport.abort()

    def overdue(self, now: float, idle_s: float) -> str | None:
        """Which counter names the reason to close it at `now`, or None."""
        limits = self._door.limits
        if self._unread_since is not None:
            return "closed_slow_reader" if now - self._unread_since > limits.unread_s else None
        if self._begun_at is not None and now - self._begun_at > limits.message_s:
            return "closed_slow_sender"
        patience_s = idle_s + (ANSWER_WITHIN_S if self.tickets else 0.0)
        return "closed_idle" if now - self._active_at > patience_s else None

    # -- messages -------------------------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        return not self._is_finishing and self._unread_since is None and len(self.tickets) < self._door.limits.pipelined

    def _take(self) -> None:
        """Ask the plane what may be asked now; the rest waits in `_frames`, and the client with it."""
        try:
            for _ in range(MESSAGES_PER_WAKE):
                if not self._may_ask():
                    break
                message = self._frames.take()
                if message is None:
                    self._message_awaited()
                    break
                self._ask(message)
            else:
                self._take_soon()
        except FrameTooShort:
            self._door.counters["closed_bad_frame"] += 1
            self.abort()
        self._read_if_allowed()

    def _ask(self, message: bytes) -> None:
        self._active_at = self._door.clock()
        self._begun_at = None
        outcome = self._door.ask(self, message)
        if outcome is None:
            self._door.counters["closed_by_verdict"] += 1
            self.finish()
        elif isinstance(outcome, bytes):
            self._write(outcome)
        else:
            self.tickets.add(outcome)

    def _message_awaited(self) -> None:
        if not self._frames.has_begun:
            self._begun_at = None
        elif self._begun_at is None:
            self._begun_at = self._door.clock()

    def _take_soon(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._door.loop.call_soon(self._take_scheduled)

    def _take_scheduled(self) -> None:
        self._is_scheduled = False
        self._take()

    def _read_if_allowed(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        should_read = self._may_ask() and not self._is_scheduled
        if should_read and not self._is_reading:
            transport.resume_reading()
        elif self._is_reading and not should_read:
            transport.pause_reading()
            self._begun_at = None  # from here on the delay is ours
            if len(self.tickets) >= self._door.limits.pipelined:
                self._door.counters["paused_pipelined"] += 1
        self._is_reading = should_read

    def _write(self, answer: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._active_at = self._door.clock()
        self._door.counters["answers"] += 1
        transport.write(frame(answer))
        if transport.get_write_buffer_size() > WRITE_BUFFER_MAX_OCTETS:
            self._door.counters["closed_slow_reader"] += 1
            self.abort()

    def _close_if_finished(self) -> None:
        if self._is_finishing and not self.tickets and self._transport is not None:
            self._transport.close()
