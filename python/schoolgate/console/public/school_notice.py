"""What the school says of its filtering, kept for half a minute: many may read the page, and the answer is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from schoolgate.console.operations_client import Caller, OperationsClient

FRESH_S: Final = 30.0


class SchoolNotice:
    """Belongs to one event loop."""

    def __init__(self, client: OperationsClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: tuple[float, Mapping[str, Any]] | None = None

    async def get(self) -> Mapping[str, Any]:
        """As `pages.notice` returns it, at most 30 s old. Raises what a call raises: an older one is not shown."""
        async with self._turn:
            if self._kept is None or self._clock() - self._kept[0] > FRESH_S:
                self._kept = (self._clock(), await self._client.call(Caller(), "pages.notice"))
            return self._kept[1]
