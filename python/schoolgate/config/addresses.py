"""Addresses with a port, as people write them: `127.0.0.1:5300`, `[::1]:5300`, or bare where a port is known.

Host names are refused: a resolver cannot look up the name of the server it needs for looking up names.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import PlainValidator

from schoolgate.config.problems import complaint, shown

DNS_PORT = 53
SYSTEM: Literal["system"] = "system"


@dataclass(frozen=True, order=True)
class SocketAddress:
    """An address and a port; `host` is in the canonical form of the address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback


def parse_socket_address(value: object, default_port: int | None = None, lowest_port: int = 1) -> SocketAddress:
    """Raises a `complaint` that names the right form."""
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not an address", 'write it as text, such as "192.0.2.1:53"')
    text = value.strip()
    host, port = _split(text)
    address = _address(host, text)
    if port is None:
        if default_port is None:
            raise complaint(f"{shown(text)} has no port", f"write {shown(_example(address))}")
        return SocketAddress(str(address), default_port)
    if not (port.isascii() and port.isdigit()) or not lowest_port <= int(port) <= 65535:
        raise complaint(f"{shown(text)}: {shown(port)} is not a port", f"use a number from {lowest_port} to 65535")
    return SocketAddress(str(address), int(port))


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if bracket and not rest:
            return host, None
        if bracket and rest.startswith(":"):
            return host, rest[1:]
        raise complaint(f"{shown(text)} is not an address", 'write IPv6 with a port as "[2001:db8::1]:53"')
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, None


def _address(host: str, text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        remedy = 'write an IPv4 or IPv6 address, such as "192.0.2.1:53" or "[2001:db8::1]:53"; a name cannot be used'
        raise complaint(f"{shown(text)} is not an address", remedy) from None


def _example(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return f"[{address}]:5300" if address.version == 6 else f"{address}:5300"


def _parse_listen(value: object) -> SocketAddress:
    address = parse_socket_address(value, lowest_port=0)
    if "%" in address.host:
        raise complaint(f"{shown(value)} names an interface", "listen on an address without %interface")
    return address


# An address we listen on. Port 0 lets the machine choose one, for tests.
ListenAddress = Annotated[SocketAddress, PlainValidator(_parse_listen)]
