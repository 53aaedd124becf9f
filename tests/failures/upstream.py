"""A forwarder that misbehaves: what it replies is chosen by the first label of the name, in octets of the test's own.

Names that no test has spoken for get one address, and are kept for `ttl_s`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

A: Final = 1
CNAME: Final = 5
SOA: Final = 6
QUESTION: Final = b"\xc0\x0c"
HONEST: Final = b"\xc0\x00\x02\x07"  # 192.0.2.7
LARGEST_DATAGRAM: Final = 4096
POISON: Final = b"\xcb\x00\x71\x42"  # 203.0.113.66

# From a query to the datagrams that answer it, in order.
Speech = Callable[[bytes], Sequence[bytes]]


class Upstream:
    """`with Upstream() as upstream`. `says[label]` replaces the honest reply to a name, `says_else` that to all others;
    `is_dead` says nothing at all."""

    def __init__(self) -> None:
        self.says: dict[bytes, Speech] = {}
        self.says_else: Speech = lambda query: [reply(query, [record(QUESTION, A, HONEST, self.ttl_s)])]
        self.is_dead = False
        self.delay_s = 0.0
        self.ttl_s = 300
        self.asked: list[bytes] = []
        self._closing = threading.Event()
        self._udp, self._tcp = _sockets_on_one_port()
        self.port: int = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._datagrams, self._streams)]

    @property
    def quoted(self) -> str:
        """As a server in the settings."""
        return f'"127.0.0.1:{self.port}"'

    def __enter__(self) -> Upstream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(60)
        self._udp.close()
        self._tcp.close()

    def times_asked(self, label: str) -> int:
        return self.asked.count(label.encode())

    def _replies(self, query: bytes) -> Sequence[bytes]:
        label = first_label(query)
        self.asked.append(label)
        if self.is_dead or (self.delay_s and self._closing.wait(self.delay_s)):
            return ()
        return self.says.get(label, self.says_else)(query)

    def _datagrams(self) -> None:
        self._udp.settimeout(0.05)
        while not self._closing.is_set():
            # A port that is gone comes back as ICMP; that is the other side's affair.
            with contextlib.suppress(TimeoutError, ConnectionError):
                query, client = self._udp.recvfrom(4096)
                for octets in self._replies(query):
                    self._udp.sendto(octets if len(octets) <= LARGEST_DATAGRAM else truncated(query), client)

    def _streams(self) -> None:
        self._tcp.settimeout(0.05)
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._tcp.accept()
                with connection, contextlib.suppress(OSError):
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(60.0)
        length = int.from_bytes(connection.recv(2))
        query = connection.recv(length)
        for octets in self._replies(query):
            connection.sendall(len(octets).to_bytes(2) + octets)


def truncated(query: bytes) -> bytes:
    """A reply that says TC and holds nothing."""
    octets = reply(query)
    return octets[:2] + bytes((octets[2] | 0x02,)) + octets[3:]


def first_label(query: bytes) -> bytes:
    return query[13 : 13 + query[12]].lower()


def question_of(query: bytes) -> bytes:
    """Name, type and class as they were asked."""
    return query[12 : query.index(b"\0", 12) + 5]


def record(owner: bytes, rtype: int, rdata: bytes, ttl_s: int = 300, rclass: int = 1) -> bytes:
    return owner + rtype.to_bytes(2) + rclass.to_bytes(2) + ttl_s.to_bytes(4) + len(rdata).to_bytes(2) + rdata


def reply(
    query: bytes,
    answers: Sequence[bytes] = (),
    authority: Sequence[bytes] = (),
    additional: Sequence[bytes] = (),
    *,
    rcode: int = 0,
    question: bytes | None = None,
) -> bytes:
    """A reply with these records, to this question or another."""
    counts = b"".join(len(one).to_bytes(2) for one in (answers, authority, additional))
    header = query[:2] + b"\x81" + bytes((0x80 | rcode,)) + b"\0\1" + counts
    return header + (question or question_of(query)) + b"".join((*answers, *authority, *additional))


def wire(name: str) -> bytes:
    """A name in wire format."""
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


def _sockets_on_one_port() -> tuple[socket.socket, socket.socket]:
    """A port that is free over UDP and TCP."""
    for _ in range(20):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp
    raise RuntimeError("no port is free over both UDP and TCP")
