"""A publisher of lists: a web server in a thread, whose pages are whatever a test says, down to the octets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FeedServer:
    """Answers on 127.0.0.1. `pages` maps paths to handlers; `asked` holds (path, headers) of every request."""

    def __init__(self) -> None:
        self.pages: dict[str, Handler] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._hanging: list[asyncio.Event] = []

    def __enter__(self) -> FeedServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    # -- pages ----------------------------------------------------------------------------------------------------

    def text(self, path: str, text: str | bytes, *, status: int = 200, **headers: str) -> None:
        """A page with this body; `headers` with underscores for hyphens."""
        body = text.encode() if isinstance(text, str) else text
        named = {"Content-Type": "text/plain"} | {name.replace("_", "-"): value for name, value in headers.items()}

        async def page(_: web.Request) -> web.StreamResponse:
            return web.Response(body=body, status=status, headers=named)

        self.pages[path] = page

    def conditional(self, path: str, text: str, etag: str) -> None:
        """A page that says "not modified" to whoever has this ETag."""

        async def page(request: web.Request) -> web.StreamResponse:
            headers = {"ETag": etag, "Last-Modified": "Sat, 21 Nov 2026 04:10:00 GMT"}
            if request.headers.get("If-None-Match") == etag:
                return web.Response(status=304, headers=headers)
            return web.Response(text=text, headers=headers)

        self.pages[path] = page

    def raw(self, path: str, octets: bytes, *, reset: bool = False, hang: bool = False) -> None:
        """These octets on the wire and nothing of HTTP besides; then the end, a reset, or silence."""

        async def page(request: web.Request) -> web.StreamResponse:
            transport = request.transport
            assert isinstance(transport, asyncio.Transport)
            transport.write(octets)
            if hang:
                await self._for_ever()
            if reset:
                transport.abort()
            else:
                transport.close()
            return web.Response()

        self.pages[path] = page

    def endless(self, path: str, chunk: bytes) -> None:
        """A body without an end, as fast as it is taken."""

        async def page(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/plain"})
            await response.prepare(request)
            try:
                while True:
                    await response.write(chunk)
            except ConnectionError:
                return response

        self.pages[path] = page

    def redirect(self, path: str, location: str, status: int = 302) -> None:
        async def page(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": location})

        self.pages[path] = page

    # -- the server -----------------------------------------------------------------------------------------------

    async def _for_ever(self) -> None:
        silence = asyncio.Event()
        self._hanging.append(silence)
        await silence.wait()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.headers)))
        page = self.pages.get(request.path)
        if page is None:
            return web.Response(status=404, text="there is nothing here")
        return await page(request)

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        for silence in self._hanging:
            silence.set()
        assert self._runner is not None
        await self._runner.cleanup()
