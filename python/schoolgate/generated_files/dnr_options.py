"""Discovery of network-designated resolvers (RFC 9463): options that tell devices of the encrypted doors by name.

radvd has no option for it in a released version, and dnsmasq none in router advertisements.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schoolgate.config.doors import DOH_PORT, DOT_PORT
from schoolgate.generated_files.dhcp_options import kea
from schoolgate.generated_files.own_servers import DOH_PATH, Addresses, NotWritten, OwnDoor

OPTION_V4_DNR: Final = 162
OPTION_V6_DNR: Final = 144
# SvcParamKeys of RFC 9460 and RFC 9461.
_ALPN, _PORT, _DOHPATH = 1, 3, 7
_TEMPLATE: Final = f"{DOH_PATH}{{?dns}}"


class DnrServer(StrEnum):
    """Which server the options are for."""

    dnsmasq = "dnsmasq"
    kea4 = "kea4"
    kea6 = "kea6"
    odhcpd = "odhcpd"


@dataclass(frozen=True)
class Designated:
    """One resolver as it is announced; a lower priority comes first."""

    priority: int
    alpn: str
    port: int | None
    path: str | None


def dnr_options(server: DnrServer, door: OwnDoor, addresses: Addresses) -> str:
    """The part of its configuration, for all its networks. Raises `NotWritten` without an address of its family."""
    return _WRITERS[server](door, addresses)


def designated(door: OwnDoor) -> tuple[Designated, ...]:
    """The door of HTTPS before that of TLS: more devices use it."""
    found = []
    if door.https_port is not None:
        found.append(Designated(1, "h2", None if door.https_port == DOH_PORT else door.https_port, _TEMPLATE))
    if door.tls_port is not None:
        port = None if door.tls_port == DOT_PORT else door.tls_port
        found.append(Designated(len(found) + 1, "dot", port, None))
    return tuple(found)


def v4_octets(door: OwnDoor, addresses: Addresses) -> bytes:
    """The option of DHCPv4: every door, each an instance with its length (RFC 9463 section 5.1)."""
    packed = b"".join(ipaddress.IPv4Address(one).packed for one in _some(addresses.v4, "IPv4"))
    name = _wire(door.name)
    instances = [
        struct.pack("!HB", one.priority, len(name)) + name + bytes([len(packed)]) + packed + _parameters(one)
        for one in designated(door)
    ]
    whole = b"".join(struct.pack("!H", len(one)) + one for one in instances)
    if len(whole) > 255:
        raise NotWritten("the name and addresses of the doors do not fit into one DHCP option: name fewer --resolver")
    return whole


def v6_octets(door: OwnDoor, addresses: Addresses) -> bytes:
    """An option of DHCPv6, which holds one door: the first (RFC 9463 section 4.1)."""
    packed = b"".join(ipaddress.IPv6Address(one).packed for one in _some(addresses.v6, "IPv6"))
    first, name = designated(door)[0], _wire(door.name)
    sized = struct.pack("!HH", first.priority, len(name)) + name + struct.pack("!H", len(packed))
    return sized + packed + _parameters(first)


def _parameters(one: Designated) -> bytes:
    alpn = one.alpn.encode()
    values = {_ALPN: bytes([len(alpn)]) + alpn}
    if one.port is not None:
        values[_PORT] = struct.pack("!H", one.port)
    if one.path is not None:
        values[_DOHPATH] = one.path.encode()
    return b"".join(struct.pack("!HH", key, len(value)) + value for key, value in sorted(values.items()))


def _wire(name: str) -> bytes:
    return b"".join(bytes([len(one)]) + one.encode("ascii") for one in name.rstrip(".").split(".")) + b"\0"


def _some(addresses: tuple[str, ...], family: str) -> tuple[str, ...]:
    if not addresses:
        raise NotWritten(f"this server hands out {family} alone: name an {family} address of schoolgate")
    return addresses


def _dnsmasq(door: OwnDoor, addresses: Addresses) -> str:
    return "\n".join(_dnsmasq_lines(door, addresses)) + "\n"


def _dnsmasq_lines(door: OwnDoor, addresses: Addresses) -> Iterator[str]:
    yield "# Beside dhcp-range, and beside the DNS server itself: devices that do not know the option ask that."
    if addresses.v4:
        yield f"dhcp-option={OPTION_V4_DNR},{v4_octets(door, addresses).hex(':')}"
    if addresses.v6:
        yield f"dhcp-option=option6:{OPTION_V6_DNR},{v6_octets(door, addresses).hex(':')}"


def _kea4(door: OwnDoor, addresses: Addresses) -> str:
    return kea(
        "Dhcp4",
        {"code": OPTION_V4_DNR, "space": "dhcp4", "csv-format": False, "data": v4_octets(door, addresses).hex()},
    )


def _kea6(door: OwnDoor, addresses: Addresses) -> str:
    return kea(
        "Dhcp6",
        {"code": OPTION_V6_DNR, "space": "dhcp6", "csv-format": False, "data": v6_octets(door, addresses).hex()},
    )


def _odhcpd(door: OwnDoor, addresses: Addresses) -> str:
    lines = ["# In /etc/config/dhcp of OpenWrt, for each network.", "config dhcp 'lan'"]
    for one in designated(door):
        words = [str(one.priority), door.name, ",".join(addresses.every), f"alpn={one.alpn}"]
        words += [f"port={one.port}"] if one.port is not None else []
        words += [f"dohpath={one.path}"] if one.path is not None else []
        lines.append(f"\tlist dnr '{' '.join(words)}'")
    return "\n".join(lines) + "\n"


_WRITERS: Mapping[DnrServer, Callable[[OwnDoor, Addresses], str]] = {
    DnrServer.dnsmasq: _dnsmasq,
    DnrServer.kea4: _kea4,
    DnrServer.kea6: _kea6,
    DnrServer.odhcpd: _odhcpd,
}
