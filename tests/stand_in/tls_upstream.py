"""A DNS server over TLS or TCP in an asyncio loop, as good or as bad as a test wants it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.failures.upstream import question_of, record, reply

ADDRESS = bytes((192, 0, 2, 80))
Says = Callable[[bytes], Sequence[bytes]]


def answer(query: bytes) -> Sequence[bytes]:
    """One address."""
    return (reply(query, [record(b"\xc0\x0c", 1, ADDRESS)]),)


def other_id(query: bytes) -> Sequence[bytes]:
    (good,) = answer(query)
    return (bytes((good[0] ^ 0x55, good[1])) + good[2:],)


def other_question(query: bytes) -> Sequence[bytes]:
    asked = question_of(query)
    return (reply(query, question=b"\x05other" + asked[1 + asked[0] :]),)


def garbage(query: bytes) -> Sequence[bytes]:
    return (b"\xff" * 5,)


class TlsUpstream:
    """`says`: the messages for a query. `closes_after_each`: one answer a connection. `holds_back`: none is sent before
    so many questions wait. `is_mute`: reads on and says nothing. `cuts`: half of each message, then nothing."""

    def __init__(self, context: ssl.SSLContext | None, says: Says = answer) -> None:
        self.context = context
        self.says = says
        self.closes_after_each = self.is_mute = self.cuts = False
        self.holds_back = 0
        self.port = 0
        self.queries: list[bytes] = []
        self.connections = 0
        self.most_waiting = 0
        self.protocols: list[str | None] = []
        self.resumed: list[bool] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._came = asyncio.Condition()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut_connections()

    def cut_connections(self) -> None:
        """All that stand are reset."""
        for writer in list(self._open):
            writer.transport.abort()

    async def asked(self, times: int) -> None:
        """Returns when so many queries have come."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.queries) >= times)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        if tls is not None:
            self.protocols.append(tls.selected_alpn_protocol())
            self.resumed.append(bool(tls.session_reused))
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: list[bytes] = []
        while True:
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            async with self._came:
                self.queries.append(query)
                self._came.notify_all()
            waiting.append(query)
            self.most_waiting = max(self.most_waiting, len(waiting))
            if self.is_mute or len(waiting) < self.holds_back:
                continue
            # Backwards: whoever relies on the order of answers is found out.
            for octets in self._octets(reversed(waiting)):
                writer.write(octets)
            waiting.clear()
            await writer.drain()
            if self.closes_after_each:
                writer.close()
                await writer.wait_closed()
                return

    def _octets(self, queries: Iterable[bytes]) -> Iterable[bytes]:
        for query in queries:
            for octets in self.says(query):
                framed = len(octets).to_bytes(2) + octets
                yield framed[: len(framed) // 2] if self.cuts else framed


def server_context(chain: Path, key: Path, *alpn: str) -> ssl.SSLContext:
    """Of a server with this pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(list(alpn) or ["dot"])
    return context
