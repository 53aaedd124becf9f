"""Requests to identity providers and directories: over TLS, bounded, without redirects."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

from schoolgate.accounts.errors import ProviderRefused

MOST_OCTETS = 4 * 1024 * 1024
TOTAL_S = 20.0


@dataclass(frozen=True)
class Reply:
    """A status, what the server says of waiting, and its JSON; None where there is none."""

    status: int
    retry_after: str
    json: Any


def refuse_plain(url: str) -> URL:
    """The address, where it is https, or http on this machine. Raises `ProviderRefused`."""
    parsed = URL(url)
    if parsed.host and (parsed.scheme == "https" or (parsed.scheme == "http" and _is_here(parsed.host))):
        return parsed
    raise ProviderRefused(f"{url[:200]!r} is no https address; correct it in the settings")


async def get_json(http: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Raises `ProviderRefused` where nothing usable comes back."""
    return await _asked(http, "GET", url, headers=dict(headers or {}))


async def post_form(http: aiohttp.ClientSession, url: str, fields: Mapping[str, str]) -> Reply:
    """Raises `ProviderRefused` where nothing usable comes back."""
    return await _asked(http, "POST", url, data=dict(fields))


async def _asked(http: aiohttp.ClientSession, method: str, url: str, **more: Any) -> Reply:
    parsed = refuse_plain(url)
    try:
        async with asyncio.timeout(TOTAL_S), http.request(method, parsed, allow_redirects=False, **more) as response:
            octets = await response.content.read(MOST_OCTETS + 1)
            while len(octets) <= MOST_OCTETS and not response.content.at_eof():
                octets += await response.content.read(MOST_OCTETS + 1 - len(octets))
            status, retry_after = response.status, response.headers.get("Retry-After", "")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ProviderRefused(f"{parsed.host} cannot be reached ({type(error).__name__}); try again later") from error
    if len(octets) > MOST_OCTETS:
        raise ProviderRefused(f"{parsed.host} answered with more than {MOST_OCTETS} octets")
    try:
        return Reply(status, retry_after, orjson.loads(octets))
    except orjson.JSONDecodeError:
        return Reply(status, retry_after, None)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
