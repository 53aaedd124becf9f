"""DNS servers for DHCP servers and router advertisements: schoolgate alone, because a second one is a way round."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from schoolgate.generated_files.own_servers import Addresses, NotWritten


class DhcpServer(StrEnum):
    """Which server the options are for."""

    dnsmasq = "dnsmasq"
    kea4 = "kea4"
    kea6 = "kea6"
    isc = "isc"
    windows = "windows"
    radvd = "radvd"


def dhcp_options(server: DhcpServer, addresses: Addresses) -> str:
    """The part of its configuration, for all its networks. Raises `NotWritten` without an address of its family."""
    return _WRITERS[server](addresses)


def _dnsmasq(addresses: Addresses) -> str:
    lines = ["# Beside dhcp-range: what every device is given."]
    if addresses.v4:
        lines.append(f"dhcp-option=option:dns-server,{','.join(addresses.v4)}")
    if addresses.v6:
        lines.append(f"dhcp-option=option6:dns-server,{','.join(f'[{one}]' for one in addresses.v6)}")
    return "\n".join(lines) + "\n"


def _kea4(addresses: Addresses) -> str:
    return kea("Dhcp4", {"name": "domain-name-servers", "data": ", ".join(_needed(addresses.v4, "IPv4"))})


def _kea6(addresses: Addresses) -> str:
    return kea("Dhcp6", {"name": "dns-servers", "data": ", ".join(_needed(addresses.v6, "IPv6"))})


def kea(top: str, *options: dict[str, Any]) -> str:
    """Options of all networks of a Kea server."""
    return json.dumps({top: {"option-data": list(options)}}, indent=2) + "\n"


def _isc(addresses: Addresses) -> str:
    return f"option domain-name-servers {', '.join(_needed(addresses.v4, 'IPv4'))};\n"


def _windows(addresses: Addresses) -> str:
    lines = ["# On the DHCP server, in PowerShell as administrator. Options of a scope win over these."]
    if addresses.v4:
        lines.append(f"Set-DhcpServerv4OptionValue -DnsServer {','.join(_quoted(addresses.v4))} -Force")
    if addresses.v6:
        lines.append(f"Set-DhcpServerv6OptionValue -DnsServer {','.join(_quoted(addresses.v6))} -Force")
    return "\r\n".join(lines) + "\r\n"


def _radvd(addresses: Addresses) -> str:
    servers = " ".join(_needed(addresses.v6, "IPv6"))
    lines = [
        "# CHANGE the interface, and put your own prefixes beside.",
        "interface vlan20 {", "    AdvSendAdvert on;", f"    RDNSS {servers} {{", "    };", "};",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _needed(addresses: tuple[str, ...], family: str) -> tuple[str, ...]:
    if not addresses:
        raise NotWritten(f"this server hands out {family} alone: name an {family} address of schoolgate")
    return addresses


def _quoted(addresses: tuple[str, ...]) -> list[str]:
    return [f"'{one}'" for one in addresses]


_WRITERS: Mapping[DhcpServer, Callable[[Addresses], str]] = {
    DhcpServer.dnsmasq: _dnsmasq,
    DhcpServer.kea4: _kea4,
    DhcpServer.kea6: _kea6,
    DhcpServer.isc: _isc,
    DhcpServer.windows: _windows,
    DhcpServer.radvd: _radvd,
}
