"""The stand-in upstream in a thread, so that tests may block while it answers."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from tests.stand_in.upstream import StandIn


class UpstreamThread:
    """`with UpstreamThread() as upstream: upstream.port`. `stand_in` has the switches."""

    def __init__(self) -> None:
        self.stand_in = StandIn()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def port(self) -> int:
        return self.stand_in.port

    def __enter__(self) -> UpstreamThread:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.stand_in.start(), self._loop).result(60)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self.stand_in.stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
