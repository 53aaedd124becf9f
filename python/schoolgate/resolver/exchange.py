"""Questions on their way to forwarders over TCP, and the replies that may be believed.

TCP is for what did not fit into a datagram, and for a question whose port is under attack. All connections are in
one epoll whose own descriptor the event loop watches; one callback goes on with whatever is ready, one coarse tick ends
what is overdue.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Final

from schoolgate.resolver.datagrams import ExchangeOwner
from schoolgate.resolver.forwarders import Forwarder
from schoolgate.resolver.query_octets import HEADER_OCTETS
from schoolgate.resolver.resolution import Send
from schoolgate.resolver.stream_exchange import StreamBroken, StreamDialogue

EVENTS_PER_WAKE: Final = 256
"""Connections that go on in one callback before the loop may do something else."""
STREAMS_MAX: Final = 256
"""Stops names that are always truncated from holding a connection each; the rest fail."""

TICK_S: Final = 0.05
"""Coarseness of timeouts: small beside the shortest (400 ms)."""
_OURS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EADDRNOTAVAIL, errno.EPERM}
)
"""Errors that say this machine is short of something: no fault of the forwarder."""


class Attempt:
    """One question under way: its connection and what a reply must match."""

    __slots__ = ("dialogue", "expires_at", "forwarder", "ident", "owner", "sent_at", "sock")

    def __init__(
        self,
        owner: ExchangeOwner,
        forwarder: Forwarder,
        sock: socket.SocketType,
        ident: bytes,
        now: float,
        expires_at: float,
        dialogue: StreamDialogue,
    ) -> None:
        self.owner = owner
        self.forwarder = forwarder
        self.sock = sock
        self.ident = ident
        self.sent_at = now
        self.expires_at = expires_at
        self.dialogue = dialogue


class StreamExchanges:
    """All questions under way over TCP. Belongs to one event loop. `after_batch` runs when a callback ends;
    `met_defect` is called with the owner of an exchange that met a defect of ours; that owner is not called again."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        after_batch: Callable[[], None],
        met_defect: Callable[[ExchangeOwner], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._after_batch = after_batch
        self._met_defect = met_defect
        self._attempts: dict[int, Attempt] = {}
        self._epoll = select.epoll()
        self._tick: asyncio.TimerHandle | None = None
        self.counters = dict.fromkeys(
            ("sent_tcp", "replies", "mismatches", "timeouts", "network_errors", "short_of_resources",
             "streams_overflow"), 0)  # fmt: skip
        loop.add_reader(self._epoll.fileno(), self._read_ready)

    def __len__(self) -> int:
        return len(self._attempts)

    def close(self) -> list[ExchangeOwner]:
        """Drop every question and close every socket; the owners are not called again and are returned."""
        self._loop.remove_reader(self._epoll.fileno())
        if self._tick is not None:
            self._tick.cancel()
        dropped = list(self._attempts.values())
        for attempt in dropped:
            attempt.sock.close()
        self._attempts.clear()
        self._epoll.close()
        return [attempt.owner for attempt in dropped]

    # -- out ------------------------------------------------------------------------------------------------------

    def send(self, owner: ExchangeOwner, step: Send, now: float) -> None:
        """Ask as `step` says. After an error of the network the owner is called before this returns."""
        forwarder = step.forwarder
        if len(self._attempts) >= STREAMS_MAX:
            self.counters["streams_overflow"] += 1
            owner.starved(now)
            return
        ident = os.urandom(2)
        sock = None
        try:
            sock = socket.SocketType(forwarder.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0)
            dialogue = StreamDialogue(sock, forwarder.sockaddr, ident + step.octets(owner.query)[2:])
            fd = sock.fileno()
            self._epoll.register(fd, select.EPOLLOUT)
        except OSError as error:
            if sock is not None:
                sock.close()
            self._refused(owner, forwarder, error, now)
            return
        forwarder.sent += 1
        self.counters["sent_tcp"] += 1
        self._attempts[fd] = Attempt(owner, forwarder, sock, ident, now, now + step.timeout_s, dialogue)
        if self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._expire)

    def _refused(self, owner: ExchangeOwner, forwarder: Forwarder, error: OSError, now: float) -> None:
        if error.errno in _OURS:
            self.counters["short_of_resources"] += 1
            owner.starved(now)
            return
        self.counters["network_errors"] += 1
        forwarder.unreachable()
        owner.failed(now)

    # -- in -------------------------------------------------------------------------------------------------------

    def _read_ready(self) -> None:
        now = self._clock()
        for fd, _ in self._epoll.poll(0, EVENTS_PER_WAKE):
            attempt = self._attempts.get(fd)
            if attempt is None:
                continue
            try:
                self._go_on(fd, attempt, now)
            except Exception:
                self._internal_error(fd, attempt)
        self._after_batch()

    def _go_on(self, fd: int, attempt: Attempt, now: float) -> None:
        dialogue = attempt.dialogue
        try:
            octets = dialogue.go_on()
            if octets is not None and not matches(octets, attempt.ident, attempt.owner.question):
                self.counters["mismatches"] += 1
                attempt.forwarder.mismatches += 1
                raise StreamBroken
        except OSError as error:
            self._end(fd, attempt)
            self._refused(attempt.owner, attempt.forwarder, error, now)
            return
        if octets is None:
            self._epoll.modify(fd, select.EPOLLIN if dialogue.is_sent else select.EPOLLOUT)
            return
        self._end(fd, attempt)
        self.counters["replies"] += 1
        attempt.forwarder.answered_over_stream()
        attempt.owner.replied(octets, now)

    # -- time -----------------------------------------------------------------------------------------------------

    def _expire(self) -> None:
        """End what is overdue; but first read, so that a loop that was held up does not call waiting replies late."""
        if self._epoll.closed:
            return
        self._tick = None
        self._read_ready()
        now = self._clock()
        for fd, attempt in list(self._attempts.items()):
            if attempt.expires_at > now:
                continue
            self._end(fd, attempt)
            self.counters["timeouts"] += 1
            attempt.forwarder.unanswered(now - attempt.sent_at, now)
            try:
                attempt.owner.timed_out(now)
            except Exception:
                self._internal_error(fd, attempt)
        self._after_batch()
        if self._attempts and self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._expire)

    def _end(self, fd: int, attempt: Attempt) -> None:
        del self._attempts[fd]
        attempt.sock.close()

    def _internal_error(self, fd: int, attempt: Attempt) -> None:
        """A defect of ours met one question; the others must go on."""
        # Its descriptor may be the next question's by now.
        if self._attempts.get(fd) is attempt:
            self._end(fd, attempt)
        self._met_defect(attempt.owner)


def matches(octets: bytes, ident: bytes, question: bytes) -> bool:
    """Whether `octets` is a reply (QR, opcode QUERY, one question) with our id and our question (name in any case)."""
    if octets[:2] != ident or len(octets) < HEADER_OCTETS or octets[2] & 0xF8 != 0x80 or octets[4:6] != b"\0\1":
        return False
    if octets.startswith(question, HEADER_OCTETS):
        return True
    found = octets[HEADER_OCTETS : HEADER_OCTETS + len(question)]
    return found[-4:] == question[-4:] and found[:-4].lower() == question[:-4].lower()
