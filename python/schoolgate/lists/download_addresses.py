"""Which addresses feeds are fetched from.

A feed's address is its publisher's word: a name they may point anywhere, a redirect they may send. It must never make
this machine ask its own services, its neighbours, or the metadata service of a cloud.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from schoolgate.errors import SchoolgateError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv4 carried by IPv6 (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOOKS_NUMERIC = re.compile(r"[0-9.]+|.*:.*|0[xX].*")


class AddressRefused(SchoolgateError):
    """Nothing is fetched from there."""


def refusal(address: str, allowed: bool) -> str | None:
    """Why nothing is fetched from an address, or None. `allowed`: the operator named this host as one of ours."""
    try:
        found = _innermost(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return "is no address"
    # What a cloud keeps its keys behind is link-local; no list is published there.
    if found.is_link_local:
        return "is link-local"
    if found.is_multicast:
        return "is multicast"
    if found.is_unspecified or int(found) == 0xFFFFFFFF:
        return "is nobody's"
    if allowed or found.is_global:
        return None
    return "is this machine's own" if found.is_loopback else "is private"


def _innermost(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def check_host(host: str, allowed_hosts: Collection[str]) -> None:
    """Refuses a host written as a number that leads where it must not; names wait for their addresses."""
    if not _LOOKS_NUMERIC.fullmatch(host):
        return
    why = refusal(host, host in allowed_hosts)
    if why is not None:
        raise AddressRefused(_message(host, host, why))


class GuardedResolver(AbstractResolver):
    """Looks names up as the system does, and refuses a name when any of its addresses is refused.

    It stands between the name and the connection, so that a name cannot change its mind after the check.
    """

    def __init__(self, allowed_hosts: Collection[str], resolver: AbstractResolver | None = None) -> None:
        self._allowed = frozenset(allowed_hosts)
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            why = refusal(one["host"], host in self._allowed)
            if why is not None:
                raise AddressRefused(_message(host, one["host"], why))
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _message(host: str, address: str, why: str) -> str:
    what = host if host == address else f"{host} has the address {address}, which"
    remedy = "correct the address of the feed" if "link-local" in why else f"if that is meant, --allow-host {host}"
    return f"{what} {why}: nothing is fetched from there; {remedy}"
