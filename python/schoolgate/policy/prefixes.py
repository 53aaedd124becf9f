"""Networks and doors of a segment as people write them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator

from schoolgate.config.problems import complaint, shown

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def parse_network(value: object) -> Network:
    """A prefix, or a bare address as a prefix of one. Raises a `complaint` with the right form."""
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a network", 'write it as text, such as "10.1.0.0/16"')
    text = value.strip()
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise complaint(f"{shown(text)} is not a network", 'write it as "10.1.0.0/16" or "2001:db8:1::/48"') from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise complaint(f"{shown(text)} has bits set after its prefix", f"write {shown(str(network))}")
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        raise complaint(f"{shown(text)} is IPv4 inside IPv6", f'write "{mapped}/{network.prefixlen - 96}"')
    return network


@dataclass(frozen=True, order=True)
class Door:
    """An address, a port or both that a query may have been sent to."""

    address: str | None
    port: int | None

    def __str__(self) -> str:
        if self.port is None:
            return str(self.address)
        if self.address is None:
            return f":{self.port}"
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def parse_door(value: object) -> Door:
    """Reads `10.1.0.53`, `2001:db8::53`, `:5301`, `10.1.0.53:5301`, `[2001:db8::53]:53`."""
    wrong = complaint(
        f"{shown(value)} is no address or port", 'write "10.1.0.53", ":5301", "10.1.0.53:53" or "[2001:db8::53]:53"'
    )
    if not isinstance(value, str):
        raise wrong
    text = value.strip()
    try:
        return Door(str(ipaddress.ip_address(text)), None)
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65535:
        raise wrong
    if not host:
        return Door(None, int(port))
    return Door(_door_address(host, wrong), int(port))


def _door_address(host: str, wrong: ValueError) -> str:
    try:
        if host.startswith("[") and host.endswith("]"):
            return str(ipaddress.IPv6Address(host[1:-1]))
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise wrong from None


NetworkField = Annotated[Network, PlainValidator(parse_network)]
DoorField = Annotated[Door, PlainValidator(parse_door)]
