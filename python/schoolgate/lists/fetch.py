"""Fetching one feed over HTTP: what its publisher has now, or that nothing has changed.

The other end may be slow, broken, bought or taken over. Whatever it sends costs at most what `Limits` says, reaches no
address of ours, and ends in a file that is not trusted yet.
"""

from __future__ import annotations

import asyncio
import http
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from schoolgate._core import __version__
from schoolgate.errors import SchoolgateError
from schoolgate.lists.download_addresses import AddressRefused, GuardedResolver, check_host
from schoolgate.lists.limits import Limits
from schoolgate.lists.unpack import NotUnpacked, gunzip

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Worth another try: the server says that it is busy or unwell.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
# Never a list, whatever is inside.
_NO_LIST_TYPES = ("text/html", "application/xhtml", "image/", "audio/", "video/", "font/", "application/pdf")
_CHUNK = 64 * 1024


class FetchFailed(SchoolgateError):
    """Nothing came that can be used."""


class FetchInterrupted(FetchFailed):
    """The same, and another try may help. `wait_s`: what the server asked for."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Validators:
    """What makes the next request conditional (RFC 9110 section 13)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class WebSource:
    """Where a feed is, and what the operator allows for it."""

    url: str
    allow_http: bool = False
    allow_hosts: frozenset[str] = frozenset()
    # A secret of the operator's: sent to the feed's own origin, never to where a redirect points.
    authorization: str | None = None
    # False where the body must not pass through a second file.
    accept_packed: bool = True


@dataclass(frozen=True)
class Fetched:
    """A body on disk, as it was before the way there."""

    path: Path
    octets_on_wire: int
    validators: Validators


# Called with (octets so far, octets in all or None) as they arrive.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Fetcher:
    """Fetches into a folder. Clock, pause and chance are given, so that tests need none of them."""

    work: Path
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    resolver: AbstractResolver | None = None
    # The school's web proxy. It looks names up itself, so which addresses are reached is for it to say.
    proxy: str | None = None

    async def fetch(
        self, name: str, source: WebSource, known: Validators | None, progress: Progress = lambda *_: None
    ) -> Fetched | None:
        """The body in a file `name`, or None when nothing has changed since `known`. Raises `FetchFailed`."""
        for attempt in range(1, self.limits.attempts + 1):
            try:
                return await self._attempt(self.work / name, source, known, progress)
            except FetchInterrupted as error:
                if attempt == self.limits.attempts:
                    raise FetchFailed(f"{error} (tried {attempt} times)") from error
                await self.pause(self._pause_s(attempt, error.wait_s))
        raise AssertionError("limits.attempts is at least 1")

    def _pause_s(self, attempt: int, asked: float | None) -> float:
        """Longer each time, and not the same for every school."""
        own = self.limits.first_pause_s * 2.0 ** (attempt - 1) * (0.5 + self.chance())
        return min(self.limits.longest_pause_s, max(own, asked or 0.0))

    async def _attempt(
        self, out: Path, source: WebSource, known: Validators | None, progress: Progress
    ) -> Fetched | None:
        limits = self.limits
        own = {URL(self.proxy).host or ""} if self.proxy is not None else set()
        resolver = GuardedResolver(source.allow_hosts | own, self.resolver)
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
        timeout = aiohttp.ClientTimeout(sock_connect=limits.connect_s, sock_read=limits.silent_s)
        try:
            async with (
                asyncio.timeout(limits.total_s),
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=timeout,
                    auto_decompress=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    max_line_size=limits.header_octets,
                    max_field_size=limits.header_octets,
                    max_headers=limits.headers,
                ) as session,
            ):
                return await self._follow(session, out, source, known, progress)
        except TimeoutError as error:
            raise FetchInterrupted(f"{_host(source.url)} was silent or too slow for too long") from error
        except aiohttp.ClientSSLError as error:
            raise FetchFailed(f"{_host(source.url)} has no certificate that can be trusted: {error}") from error
        except aiohttp.ClientResponseError as error:
            raise FetchFailed(f"{_host(source.url)} does not speak HTTP as it should: {error.message}") from error
        except aiohttp.InvalidURL as error:
            raise FetchFailed(f"{_host(source.url)}: the address cannot be used") from error
        except aiohttp.ClientError as error:
            raise FetchInterrupted(f"{_host(source.url)} cannot be reached, or cut the answer off: {error}") from error
        except AddressRefused as error:
            raise FetchFailed(str(error)) from error

    async def _follow(
        self,
        session: aiohttp.ClientSession,
        out: Path,
        source: WebSource,
        known: Validators | None,
        progress: Progress,
    ) -> Fetched | None:
        url = URL(source.url)
        for _ in range(self.limits.redirects + 1):
            _check_hop(url, source)
            headers = _headers(url, source, known)
            async with session.get(url, headers=headers, allow_redirects=False, proxy=self.proxy) as response:
                if response.status not in _REDIRECTS:
                    return await self._take(response, out, source, known, progress)
                url = _next_hop(url, response)
        raise FetchFailed(f"more than {self.limits.redirects} redirects; ask the publisher for the real address")

    async def _take(
        self,
        response: aiohttp.ClientResponse,
        out: Path,
        source: WebSource,
        known: Validators | None,
        progress: Progress,
    ) -> Fetched | None:
        _check_status(response, known)
        if response.status == http.HTTPStatus.NOT_MODIFIED:
            return None
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind.startswith(_NO_LIST_TYPES):
            raise FetchFailed(f"a list was asked for and {kind} came; look at the address in a browser")
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        wanted = ("identity", "gzip", "x-gzip") if source.accept_packed else ("identity",)
        if coding not in wanted:
            raise FetchFailed(f"it came packed as {coding}, which was not asked for")
        octets = await self._receive(response, out, progress)
        if coding != "identity":
            try:
                out = await asyncio.to_thread(gunzip, out, out.with_name(out.name + ".plain"), self.limits)
            except NotUnpacked as error:
                raise FetchInterrupted(str(error)) from error
        headers = response.headers
        return Fetched(out, octets, Validators(headers.get("ETag"), headers.get("Last-Modified")))

    async def _receive(self, response: aiohttp.ClientResponse, out: Path, progress: Progress) -> int:
        limits, announced = self.limits, response.content_length
        if announced is not None and announced > limits.wire_octets:
            raise FetchFailed(f"{announced} octets are more than the {limits.wire_octets} that a feed may have")
        started, received = self.clock(), 0
        with out.open("wb") as file:
            async for chunk in response.content.iter_chunked(_CHUNK):
                received += len(chunk)
                if received > limits.wire_octets:
                    raise FetchFailed(f"it has no end: more than {limits.wire_octets} octets came")
                lasted = self.clock() - started
                if lasted > limits.slow_after_s and received < lasted * limits.least_octets_per_s:
                    raise FetchInterrupted(f"it drips: {received} octets in {lasted:.0f} s")
                file.write(chunk)
                progress(received, announced)
        return received


def _headers(url: URL, source: WebSource, known: Validators | None) -> dict[str, str]:
    headers = {"User-Agent": f"schoolgate/{__version__}", "Accept": "*/*"}
    headers["Accept-Encoding"] = "gzip" if source.accept_packed else "identity"
    if known is not None and known.etag:
        headers["If-None-Match"] = known.etag
    if known is not None and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    if source.authorization is not None and url.origin() == URL(source.url).origin():
        headers["Authorization"] = source.authorization
    return headers


def _check_hop(url: URL, source: WebSource) -> None:
    """Every address on the way, the first like the last."""
    if url.scheme not in ("https", "http") or not url.host:
        raise FetchFailed(f"it points to {url.scheme or 'nothing'}: feeds come by https; correct the feed's address")
    if url.scheme == "http" and not source.allow_http:
        raise FetchFailed(f"{url.host} is asked without encryption: others on the way could change it; --allow-http")
    check_host(url.host, source.allow_hosts)


def _next_hop(url: URL, response: aiohttp.ClientResponse) -> URL:
    location = response.headers.get("Location", "")
    try:
        following = url.join(URL(location))
    except ValueError as error:
        raise FetchFailed("it points to an address that cannot be read") from error
    if not location or following.user or following.password:
        raise FetchFailed("it points elsewhere without saying where, or with a password; correct the feed's address")
    if url.scheme == "https" and following.scheme == "http":
        raise FetchFailed(f"it points from https to http at {following.host}: correct the feed's address")
    return following


def _check_status(response: aiohttp.ClientResponse, known: Validators | None) -> None:
    status = response.status
    if status == http.HTTPStatus.OK:
        return
    if status == http.HTTPStatus.NOT_MODIFIED:
        if known is not None and (known.etag or known.last_modified):
            return
        raise FetchFailed('the server says "not modified", and nothing was there before')
    said = f"the server answers {status} {response.reason or ''}".rstrip()
    if status in _PASSING:
        wait = response.headers.get("Retry-After", "")
        raise FetchInterrupted(said, float(wait) if wait.isdecimal() and len(wait) < 6 else None)
    remedies = {401: "it wants credentials", 403: "it wants credentials, or does not want us", 404: "the list is gone"}
    raise FetchFailed(f"{said}: {remedies.get(status, 'look at the address')}; see the publisher's page")


def _host(url: str) -> str:
    try:
        return URL(url).host or "the server"
    except ValueError:
        return "the server"
