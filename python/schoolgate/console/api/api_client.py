"""A client of the API for a school's own scripts.

async with ApiClient("https://filter.school.example", token) as school:
    page = await school.get("log.search", {"filters[name]": "example.com"})
    await school.post("policy.block", {"name": "games.example", "reason": "asked by the head"})
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import aiohttp
import orjson
from aiohttp.connector import Connection

from schoolgate.errors import SchoolgateError

_ANSWERS_WITHIN_S: Final = 130.0
LARGEST_EVENT_OCTETS: Final = 64 * 1024 * 1024

Query = Mapping[str, str | int | Sequence[str]]


class ApiProblem(SchoolgateError):
    """The API did not do it. `kind`: the stable last part of the problem's type."""

    def __init__(self, status: int, kind: str, detail: str, mistakes: Sequence[str] = (), retry_after: int = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.mistakes = tuple(mistakes)
        self.retry_after_s = retry_after


@dataclass(frozen=True)
class Event:
    """One event of a stream. `identity`: where the live log goes on after a break."""

    name: str
    value: Any
    identity: str = ""


class ApiClient:
    """Operations of one school, in the name of one token. Belongs to one event loop."""

    def __init__(self, address: str, token: str, context: ssl.SSLContext | None = None) -> None:
        self._address = address.rstrip("/") + "/api/v1/"
        self._connector = _Connector(ssl=context if context is not None else True)
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=_ANSWERS_WITHIN_S),
            read_bufsize=1024 * 1024,
            max_line_size=16_384,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._connector.cut()

    async def get(self, operation: str, query: Query | None = None) -> Any:
        """The result of an operation that changes nothing. Raises `ApiProblem`."""
        return (await self.asked("GET", operation, params=_pairs(query or {})))[0]

    async def post(
        self, operation: str, arguments: Mapping[str, Any] | None = None, *, match: str = "", key: str = ""
    ) -> Any:
        """The result of any operation. `match`: the ETag of the policy that the change is made from. `key`: of a change
        that is sent again; a new one is made where none is given. Raises `ApiProblem`."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex, **({"If-Match": match} if match else {})}
        return (await self.asked("POST", operation, json=dict(arguments or {}), headers=headers))[0]

    async def asked(self, method: str, operation: str, **more: Any) -> tuple[Any, Mapping[str, str]]:
        """The result and the headers of a request. Raises `ApiProblem`; aiohttp's errors where none answers."""
        async with self._session.request(method, self._url(operation), allow_redirects=False, **more) as response:
            await _refuse(response)
            return orjson.loads(await response.read()), response.headers

    async def events(
        self, operation: str, arguments: Mapping[str, Any] | None = None, *, after: str = ""
    ) -> AsyncIterator[Event]:
        """Events of long work, or of the live log after the event of this identity. Raises `ApiProblem`."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        sent = {"json": dict(arguments or {}), "headers": headers, "timeout": timeout}
        async with self._session.post(self._url(operation), **sent) as response:  # type: ignore[arg-type]
            await _refuse(response)
            async for one in _events(response):
                yield one

    def _url(self, operation: str) -> str:
        return self._address + operation.replace(".", "/")


class _Connector(aiohttp.TCPConnector):
    """Knows its connections until they are lost: aiohttp waits for none that the server asked it to close, and the
    goodbyes of TLS could outlast the caller's event loop."""

    def __init__(self, *, ssl: ssl.SSLContext | bool) -> None:
        super().__init__(ssl=ssl)
        self._lost: dict[asyncio.Transport, asyncio.Future[None]] = {}

    async def connect(self, *arguments: Any, **named: Any) -> Connection:
        """A connection for one request, as aiohttp makes or reuses it."""
        made = await super().connect(*arguments, **named)
        transport, protocol = made.transport, made.protocol
        if transport is not None and protocol is not None and (lost := protocol.closed) is not None:
            self._lost[transport] = lost
            lost.add_done_callback(lambda _: self._lost.pop(transport, None))
        return made

    async def cut(self) -> None:
        """Ends every connection now."""
        for transport in list(self._lost):
            transport.abort()
        if self._lost:
            await asyncio.wait(list(self._lost.values()))


def _pairs(query: Query) -> list[tuple[str, str]]:
    return [
        (name, str(one))
        for name, value in query.items()
        for one in ([value] if isinstance(value, str | int) else value)
    ]


async def _refuse(response: aiohttp.ClientResponse) -> None:
    if response.status == 200:
        return
    octets = await response.read()
    found = orjson.loads(octets) if response.content_type == "application/problem+json" else {}
    kind = str(found.get("type", "")).rpartition("#")[2]
    detail = str(found.get("detail", f"the answer has status {response.status}"))
    wait = int(response.headers.get("Retry-After", "0"))
    raise ApiProblem(response.status, kind, detail, found.get("mistakes", ()), wait)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    waiting = b""
    async for part in response.content.iter_any():
        waiting += part
        if len(waiting) > LARGEST_EVENT_OCTETS:
            raise ApiProblem(response.status, "too-large", "an event is larger than 64 MiB")
        *whole, waiting = waiting.split(b"\n\n")
        for block in whole:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
            if b"event" in fields:
                identity = fields.get(b"id", b"").decode()
                yield Event(fields[b"event"].decode(), orjson.loads(fields[b"data"]), identity)
