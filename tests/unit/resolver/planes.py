"""Small doubles of the plane: one hands out misses, one answers messages from streams."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable

Result = tuple[bytes | None, int]


async def until(is_so: Callable[[], object]) -> None:
    """Let the loop turn until `is_so`; a test that waits in vain fails instead of hanging."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 (what is waited for happens in sockets)
            await asyncio.sleep(0)


def wire_name(name: str) -> bytes:
    """A plain name in wire format."""
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".") if label) + b"\0"


def query_for(name: str, qtype: int = 1, ident: int = 0) -> bytes:
    """A query as the plane builds them: RD, EDNS 1232, id 0."""
    question = wire_name(name) + qtype.to_bytes(2) + b"\0\1"
    return ident.to_bytes(2) + b"\1\0\0\1\0\0\0\0\0\1" + question + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


class MissPlane:
    """Misses go in by `ask`, which waits for what `complete` says about them."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._misses: deque[tuple[int, str, bytes]] = deque()
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._tokens = 0
        self.batches: list[int] = []

    def close(self) -> None:
        os.close(self._fd)

    def put(self, name: str, qtype: int = 1, query: bytes | None = None) -> asyncio.Future[Result]:
        self._tokens += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._tokens] = future
        self._misses.append((self._tokens, name, query_for(name, qtype) if query is None else query))
        os.eventfd_write(self._fd, 1)
        return future

    async def ask(self, name: str, qtype: int = 1) -> Result:
        return await asyncio.wait_for(self.put(name, qtype), 5)

    def miss_fd(self) -> int:
        return self._fd

    def take_misses(self, most: int) -> list[tuple[int, str, bytes]]:
        taken = [self._misses.popleft() for _ in range(min(most, len(self._misses)))]
        if not self._misses:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._fd)
        return taken

    def complete(self, results: list[tuple[int, bytes | None, int]]) -> None:
        self.batches.append(len(results))
        for token, octets, ede in results:
            self._waiting.pop(token).set_result((octets, ede))


class AnswerPlane:
    """Answers by the first label: `now` at once, `none` not at all, any other by a ticket that `answer` settles."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._tickets = 0
        self._ready: list[tuple[int, bytes]] = []
        self.asked: list[tuple[bytes, str, int, str, int]] = []
        self.pending: dict[int, bytes] = {}

    def close(self) -> None:
        os.close(self._fd)

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None:
        self.asked.append((message, client, client_port, local, local_port))
        if b"\4none" in message:
            return None
        if b"\3now" in message:
            return message + b"answered"
        if b"\4huge" in message:
            return message + bytes(60_000)
        self._tickets += 1
        self.pending[self._tickets] = message
        return self._tickets

    def answer(self, ticket: int, octets: bytes = b"answered") -> None:
        self._ready.append((ticket, self.pending.pop(ticket) + octets))
        os.eventfd_write(self._fd, 1)

    def answers_fd(self) -> int:
        return self._fd

    def take_answers(self) -> list[tuple[int, bytes]]:
        os.eventfd_read(self._fd)
        ready, self._ready = self._ready, []
        return ready
