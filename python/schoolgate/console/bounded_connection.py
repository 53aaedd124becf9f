"""One connection of a browser, with bounds: how many there are, how long a request may take to come, and what of a
client that does not read.

aiohttp closes a connection whose request is not there within the keep-alive time, whether it is the first or a later
one; that is the bound for slow headers.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from schoolgate.console import headers

MOST_CONNECTIONS: Final = 512
# A browser opens six; a school behind one address has many browsers, so that a proxy's address is not counted.
MOST_OF_ONE_ADDRESS: Final = 64
REQUEST_WITHIN_S: Final = 15.0
# What we sent and the other end did not take (tcp(7), TCP_USER_TIMEOUT).
UNREAD_MS: Final = 30_000
LONGEST_LINE_OCTETS: Final = 4096
LONGEST_HEADER_OCTETS: Final = 4096
MOST_HEADERS: Final = 64


@dataclass
class OpenConnections:
    """How many there are. `is_uncounted`: whether an address is that of a proxy."""

    is_tls: bool
    is_uncounted: Any
    total: int = 0
    of_address: Counter[str] = field(default_factory=Counter)

    def admit(self, address: str) -> bool:
        """Counts one more, unless there are too many."""
        if self.total >= MOST_CONNECTIONS:
            return False
        if self.of_address[address] >= MOST_OF_ONE_ADDRESS and not self.is_uncounted(address):
            return False
        self.total += 1
        self.of_address[address] += 1
        return True

    def end(self, address: str) -> None:
        """Counts one less."""
        self.total -= 1
        self.of_address[address] -= 1
        if not self.of_address[address]:
            del self.of_address[address]


class BoundedConnection(web.RequestHandler):
    """aiohttp's connection within our bounds; its own errors carry our headers too."""

    __slots__ = ("_address", "_open")

    def __init__(self, server: web.Server, connections: OpenConnections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=REQUEST_WITHIN_S,
            max_line_size=LONGEST_LINE_OCTETS,
            max_field_size=LONGEST_HEADER_OCTETS,
            max_headers=MOST_HEADERS,
            lingering_time=2.0,
            # A compressed body could be a thousand times what was sent.
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]
        )
        self._open = connections
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts it, or closes it at once."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        super().connection_made(transport)
        if not self._open.admit(address):
            self.force_close()
            return
        self._address = address
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Counts it no more."""
        address, self._address = self._address, None
        if address is not None:
            self._open.end(address)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What cannot be read as a request: a short reason, never what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun")
        text = "Bad request\n" if status < 500 else "Something went wrong. Filtering goes on.\n"
        response = web.Response(status=status, text=text)
        headers.put_on(response.headers, is_tls=self._open.is_tls)
        response.force_close()
        return response
