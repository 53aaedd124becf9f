"""Which address a request comes from: the peer's, or what a trusted reverse proxy wrote."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from schoolgate.config.web_listener import Network

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(peer: str, forwarded: Sequence[str], proxies: tuple[Network, ...]) -> str:
    """Goes from the peer back through X-Forwarded-For, as long as who wrote an entry is a trusted proxy.

    Nonsense ends the walk at the last address that is known. "" where the peer has none.
    """
    found = _address(peer)
    if found is None:
        return ""
    entries = [one.strip() for value in forwarded for one in value.split(",")]
    while entries and any(found in network for network in proxies):
        before = _address(entries.pop())
        if before is None:
            break
        found = before
    return str(found)


def _address(text: str) -> IPAddress | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
