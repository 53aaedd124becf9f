"""Questions on their way to forwarders, and the replies that may be believed.

Every question leaves from a socket of its own, connected to the forwarder, with a source port and an id nobody can
guess (RFC 5452). A reply counts only if it comes from there, carries that id and repeats the question; anything else is
counted and ignored while the wait goes on.

At 40,000 misses a second there is no room for a task, a future or a timer per question. All sockets are in one epoll
whose own descriptor the event loop watches; one callback reads whatever is ready, one coarse tick ends what is overdue.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import select
import socket
from collections.abc import Callable
from typing import Final, Protocol

from schoolgate.resolver.forwarders import Forwarder
from schoolgate.resolver.resolution import Send
from schoolgate.resolver.stream_exchange import StreamBroken, StreamDialogue

TICK_S: Final = 0.05
"""Coarseness of timeouts: small beside the shortest (400 ms)."""
EVENTS_PER_WAKE: Final = 256
"""Replies read in one callback before the loop may do something else."""
EXPIRED_PER_TICK: Final = 1024
"""A dead forwarder makes thousands overdue at once; asking elsewhere for all of them in one go would hold the loop."""
DATAGRAM_OCTETS_MAX: Final = 4096
"""More than the 1232 we announce: a forwarder that ignores it is still read whole."""
STREAMS_MAX: Final = 256
"""TCP exchanges at once. Stops names that are always truncated from holding a connection each; the rest fail."""
IDS_PER_DRAW: Final = 4096

HEADER_OCTETS: Final = 12
_UDP: Final = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EADDRNOTAVAIL})
"""Errors that say this machine is short of something: no fault of the forwarder."""

_log = logging.getLogger(__name__)


class Errand(Protocol):
    """Who wants a question answered. For each `send` it hears exactly one of `replied`, `timed_out`, `failed` (the
    network refused) and `starved` (this machine is short of descriptors or the like: no fault of the forwarder)."""

    query: bytes
    question: bytes

    def replied(self, octets: bytes, now: float) -> None: ...
    def mismatched(self, now: float) -> Send | None: ...
    def timed_out(self, now: float) -> None: ...
    def failed(self, now: float) -> None: ...
    def starved(self, now: float) -> None: ...


class Attempt:
    """One question under way: its socket and what a reply must match."""

    __slots__ = ("dialogue", "errand", "expires_at", "forwarder", "ident", "question", "sent_at", "sock")

    def __init__(
        self,
        errand: Errand,
        forwarder: Forwarder,
        sock: socket.SocketType,
        ident: bytes,
        now: float,
        expires_at: float,
        dialogue: StreamDialogue | None = None,
    ) -> None:
        self.errand = errand
        self.forwarder = forwarder
        self.sock = sock
        self.ident = ident
        self.question = errand.question
        self.sent_at = now
        self.expires_at = expires_at
        self.dialogue = dialogue


class Exchanges:
    """All questions under way, over UDP and TCP. Belongs to one event loop; `after_batch` runs when a callback ends."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float], after_batch: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._after_batch = after_batch
        self._attempts: dict[int, Attempt] = {}
        self._streams = 0
        self._epoll = select.epoll()
        self._ids = b""
        self._next_id = 0
        self._tick: asyncio.TimerHandle | None = None
        self.counters = dict.fromkeys(
            ("sent_udp", "sent_tcp", "replies", "mismatches", "timeouts", "network_errors", "short_of_resources",
             "streams_overflow", "internal_errors"), 0)  # fmt: skip
        loop.add_reader(self._epoll.fileno(), self._read_ready)

    def __len__(self) -> int:
        return len(self._attempts)

    def close(self) -> list[Errand]:
        """Drop every question and close every socket; the errands hear nothing more and are returned."""
        self._loop.remove_reader(self._epoll.fileno())
        if self._tick is not None:
            self._tick.cancel()
        dropped = list(self._attempts.values())
        for attempt in dropped:
            attempt.sock.close()
        self._attempts.clear()
        self._epoll.close()
        return [attempt.errand for attempt in dropped]

    # -- out ------------------------------------------------------------------------------------------------------

    def send(self, errand: Errand, step: Send, now: float) -> None:
        """Ask as `step` says. An error of the network is told to the errand before this returns."""
        forwarder = step.forwarder
        if step.transport == "tcp":
            self._send_stream(errand, forwarder, now, now + step.timeout_s)
            return
        at = self._next_id
        if at >= len(self._ids):
            self._ids = os.urandom(2 * IDS_PER_DRAW)
            at = 0
        ident = self._ids[at : at + 2]
        self._next_id = at + 2
        sock = None
        try:
            sock = socket.SocketType(forwarder.family, _UDP, 0)
            sock.connect(forwarder.sockaddr)  # the kernel draws a random free port here
            sock.send(ident + errand.query[2:])
            fd = sock.fileno()
            self._epoll.register(fd, select.EPOLLIN)
        except OSError as error:
            if sock is not None:
                sock.close()
            self._refused(errand, forwarder, error, now)
            return
        forwarder.sent += 1
        self.counters["sent_udp"] += 1
        self._attempts[fd] = Attempt(errand, forwarder, sock, ident, now, now + step.timeout_s)
        if self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._expire)

    def _send_stream(self, errand: Errand, forwarder: Forwarder, now: float, expires_at: float) -> None:
        if self._streams >= STREAMS_MAX:
            self.counters["streams_overflow"] += 1
            errand.starved(now)
            return
        ident = os.urandom(2)
        sock = None
        try:
            sock = socket.SocketType(forwarder.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0)
            dialogue = StreamDialogue(sock, forwarder.sockaddr, ident + errand.query[2:])
            fd = sock.fileno()
            self._epoll.register(fd, select.EPOLLOUT)
        except OSError as error:
            if sock is not None:
                sock.close()
            self._refused(errand, forwarder, error, now)
            return
        forwarder.sent += 1
        self._streams += 1
        self.counters["sent_tcp"] += 1
        self._attempts[fd] = Attempt(errand, forwarder, sock, ident, now, expires_at, dialogue)
        if self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._expire)

    def _refused(self, errand: Errand, forwarder: Forwarder, error: OSError, now: float) -> None:
        if error.errno in _OURS:
            self.counters["short_of_resources"] += 1
            errand.starved(now)
            return
        self.counters["network_errors"] += 1
        forwarder.unreachable()
        errand.failed(now)

    # -- in -------------------------------------------------------------------------------------------------------

    def _read_ready(self) -> None:
        now = self._clock()
        attempts = self._attempts
        for fd, _ in self._epoll.poll(0, EVENTS_PER_WAKE):
            attempt = attempts.get(fd)
            if attempt is None:
                continue
            try:
                if attempt.dialogue is None:
                    self._read_datagrams(fd, attempt, now)
                else:
                    self._go_on_stream(fd, attempt, attempt.dialogue, now)
            except Exception:
                self._internal_error(fd)
        self._after_batch()

    def _read_datagrams(self, fd: int, attempt: Attempt, now: float) -> None:
        sock = attempt.sock
        while True:
            try:
                octets = sock.recv(DATAGRAM_OCTETS_MAX)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(fd, attempt)
                self._refused(attempt.errand, attempt.forwarder, error, now)
                return
            if matches(octets, attempt.ident, attempt.question):
                break
            self.counters["mismatches"] += 1
            attempt.forwarder.mismatches += 1
            instead = attempt.errand.mismatched(now)
            if instead is not None:
                self._end(fd, attempt)
                self.send(attempt.errand, instead, now)
                return
        del self._attempts[fd]
        sock.close()
        self.counters["replies"] += 1
        attempt.forwarder.answered(now - attempt.sent_at, now)
        attempt.forwarder.answered_query = attempt.errand.query
        attempt.errand.replied(octets, now)

    def _go_on_stream(self, fd: int, attempt: Attempt, dialogue: StreamDialogue, now: float) -> None:
        try:
            octets = dialogue.go_on()
            if octets is not None and not matches(octets, attempt.ident, attempt.question):
                self.counters["mismatches"] += 1
                attempt.forwarder.mismatches += 1
                raise StreamBroken
        except OSError as error:
            self._end(fd, attempt)
            self._refused(attempt.errand, attempt.forwarder, error, now)
            return
        if octets is None:
            self._epoll.modify(fd, select.EPOLLIN if dialogue.is_sent else select.EPOLLOUT)
            return
        self._end(fd, attempt)
        self.counters["replies"] += 1
        attempt.forwarder.answered_over_stream()
        attempt.errand.replied(octets, now)

    # -- time -----------------------------------------------------------------------------------------------------

    def _expire(self) -> None:
        """End what is overdue; but first read, so that a loop that was held up does not call waiting replies late."""
        if self._epoll.closed:
            return
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        self._read_ready()
        now = self._clock()
        overdue = [(fd, attempt) for fd, attempt in self._attempts.items() if attempt.expires_at <= now]
        for fd, attempt in overdue[:EXPIRED_PER_TICK]:
            self._end(fd, attempt)
            self.counters["timeouts"] += 1
            attempt.forwarder.unanswered(now - attempt.sent_at, now)
            try:
                attempt.errand.timed_out(now)
            except Exception:
                self._internal_error(fd)
        self._after_batch()
        if len(overdue) > EXPIRED_PER_TICK:
            self._loop.call_soon(self._expire)
        elif self._attempts and self._tick is None:
            self._tick = self._loop.call_later(TICK_S, self._expire)

    def _end(self, fd: int, attempt: Attempt) -> None:
        del self._attempts[fd]
        attempt.sock.close()
        if attempt.dialogue is not None:
            self._streams -= 1

    def _internal_error(self, fd: int) -> None:
        """A defect of ours met one question; the others must go on."""
        self.counters["internal_errors"] += 1
        _log.exception("a question to a forwarder met a defect; please report it")
        attempt = self._attempts.get(fd)
        if attempt is not None:
            self._end(fd, attempt)


def matches(octets: bytes, ident: bytes, question: bytes) -> bool:
    """Whether `octets` is a reply (QR, opcode QUERY, one question) with our id and our question (name in any case)."""
    if octets[:2] != ident or len(octets) < HEADER_OCTETS or octets[2] & 0xF8 != 0x80 or octets[4:6] != b"\0\1":
        return False
    if octets.startswith(question, HEADER_OCTETS):
        return True
    found = octets[HEADER_OCTETS : HEADER_OCTETS + len(question)]
    return found[-4:] == question[-4:] and found[:-4].lower() == question[:-4].lower()


def question_of(query: bytes) -> bytes:
    """Octets of the first question (name, type, class) of a well-formed query."""
    end = HEADER_OCTETS
    while query[end]:
        end += query[end] + 1
    return query[HEADER_OCTETS : end + 5]
