"""This machine's addresses and the networks they are in, without a program and without netlink, which the unit of the
control process closes: IPv4 by the socket calls of the kernel, IPv6 by /proc/net/if_inet6."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IF_INET6 = Path("/proc/self/net/if_inet6")
NET_DEV = Path("/proc/self/net/dev")
_SIOCGIFADDR, _SIOCGIFNETMASK = 0x8915, 0x891B
# Networks of containers and virtual machines on this machine: no pupil is in one.
_VIRTUAL = ("docker", "br-", "veth", "virbr", "cni", "podman", "lxc", "vnet", "tun", "tap", "wg")
_LEAST_PREFIX = {4: 8, 6: 32}
_LONGEST_PREFIX = {4: 30, 6: 126}


@dataclass(frozen=True)
class MachineAddress:
    """An address of this machine; `network` is its prefix. `is_virtual`: of containers or virtual machines."""

    interface: str
    address: str
    network: str
    is_virtual: bool = False

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version


def machine_addresses() -> tuple[MachineAddress, ...]:
    """Addresses that devices of a network can reach; neither loopback nor link-local ones, each once."""
    found = (*_ipv4(), *_ipv6())
    return tuple(dict.fromkeys(one for one in found if _is_of_a_network(one)))


def networks_of(addresses: tuple[MachineAddress, ...]) -> tuple[str, ...]:
    """The networks in which devices may be."""
    return tuple(dict.fromkeys(one.network for one in addresses if not one.is_virtual))


def _is_of_a_network(one: MachineAddress) -> bool:
    address, network = ipaddress.ip_address(one.address), ipaddress.ip_network(one.network)
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return _LEAST_PREFIX[one.version] <= network.prefixlen <= _LONGEST_PREFIX[one.version]


def _made(interface: str, address: str, prefix: str) -> MachineAddress:
    found = ipaddress.ip_interface(f"{address}/{prefix}")
    return MachineAddress(interface, str(found.ip), str(found.network), interface.startswith(_VIRTUAL))


def _ipv4() -> Iterator[MachineAddress]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for interface in _interfaces():
            with contextlib.suppress(OSError, ValueError):
                address = _asked(asking, _SIOCGIFADDR, interface)
                yield _made(interface, address, _asked(asking, _SIOCGIFNETMASK, interface))


def _asked(asking: socket.socket, request: int, interface: str) -> str:
    # struct ifreq: a name of 16 octets, then struct sockaddr_in, whose address is at 4.
    reply = fcntl.ioctl(asking.fileno(), request, struct.pack("256s", interface.encode()[:15]))
    return socket.inet_ntoa(reply[20:24])


def _interfaces() -> tuple[str, ...]:
    try:
        lines = NET_DEV.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line.partition(":")[0].strip() for line in lines if ":" in line)


def _ipv6() -> Iterator[MachineAddress]:
    try:
        lines = IF_INET6.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(ValueError):
            address, _, prefix, _, _, interface = line.split()
            yield _made(interface, str(ipaddress.IPv6Address(bytes.fromhex(address))), str(int(prefix, 16)))
