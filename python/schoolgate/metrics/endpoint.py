"""`GET /metrics` over HTTP, in the server process. DNS comes first: whatever is done to this door costs no query.

Everything is bounded: connections, how long one lives, how often the text is made. The text is made in a thread; the
event loop only collects the counters, as `schoolgate status` does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from schoolgate.config import SocketAddress
from schoolgate.errors import SchoolgateError
from schoolgate.metrics.exposition import CONTENT_TYPE, exposition

# A scrape is one connection; a monitoring system has two or three scrapers.
MOST_CONNECTIONS = 16
# One who connects and says nothing holds a descriptor, and no longer than this.
LONGEST_CONNECTION_S = 10.0
# However often it is scraped, the counters are collected this often.
FRESH_FOR_S = 1.0
# A scrape carries a few header lines and no body.
LARGEST_REQUEST_OCTETS = 8192

_log = logging.getLogger(__name__)


class MetricsPortUnusable(SchoolgateError):
    """The address cannot be listened on; DNS goes on without metrics."""


class _Closed(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class MetricsEndpoint:
    """Serves what `read_status` returns. `clock` is monotonic, in seconds."""

    def __init__(
        self, address: SocketAddress, read_status: Callable[[], dict[str, Any]], clock: Callable[[], float]
    ) -> None:
        self._address, self._read_status, self._clock = address, read_status, clock
        self._text = ""
        self._made_at: float | None = None
        self._making = asyncio.Lock()
        self._server: asyncio.Server | None = None
        app = web.Application(client_max_size=LARGEST_REQUEST_OCTETS)
        app.router.add_get("/metrics", self._on_scrape)
        app.router.add_get("/", self._on_root)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, max_line_size=LARGEST_REQUEST_OCTETS,
            max_field_size=LARGEST_REQUEST_OCTETS, lingering_time=0.0, shutdown_timeout=0.5,
        )  # fmt: skip

    @property
    def listening(self) -> SocketAddress | None:
        """Where it answers, with the real port where 0 was asked for."""
        if self._server is None or not self._server.sockets:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return SocketAddress(host, port)

    async def start(self) -> None:
        """Raises `MetricsPortUnusable`."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._admit, self._address.host, self._address.port)
        except OSError as error:
            await self._runner.cleanup()
            reason = error.strerror or str(error)
            raise MetricsPortUnusable(
                f"metrics are not served: {self._address}: {reason}; change metrics.listen"
            ) from error

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _admit(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= MOST_CONNECTIONS:
            return _Closed()
        protocol = server()
        asyncio.get_running_loop().call_later(LONGEST_CONNECTION_S, _end, protocol)
        return protocol

    async def _on_scrape(self, _request: web.Request) -> web.Response:
        response = web.Response(body=(await self._current()).encode(), headers={"Content-Type": CONTENT_TYPE})
        response.force_close()
        return response

    async def _on_root(self, _request: web.Request) -> web.Response:
        response = web.Response(text="schoolgate: metrics are at /metrics\n")
        response.force_close()
        return response

    async def _current(self) -> str:
        async with self._making:
            now = self._clock()
            if self._made_at is None or now - self._made_at >= FRESH_FOR_S:
                report = self._read_status()
                self._text = await asyncio.to_thread(exposition, report)
                self._made_at = now
            return self._text


def _end(protocol: web.RequestHandler) -> None:
    if protocol.transport is not None:
        protocol.transport.abort()
