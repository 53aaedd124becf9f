"""Forwarder addresses as administrators write them: `192.0.2.1`, `192.0.2.2:5353`, `[2001:db8::1]:53`, `system`.

`system` stands for the name servers of this machine (resolv.conf). Our own listening addresses are left out of those:
a machine that points at us must not make us ask ourselves for ever.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from schoolgate.resolver.forwarders import DNS_PORT, Forwarder, ForwarderInvalid, ForwarderSet

RESOLV_CONF: Final = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""The first that names a server wins: systemd's own file lists the real servers behind its stub."""

Address = tuple[str, int]


class ForwarderDirectory:
    """Makes forwarder sets; the same address in two sets is one `Forwarder`, with one health."""

    def __init__(self, own: Collection[Address] = (), resolv_conf: Iterable[Path] = RESOLV_CONF) -> None:
        self._own = frozenset(own)
        self._resolv_conf = tuple(resolv_conf)
        self._known: dict[Address, Forwarder] = {}

    def forwarder_set(self, servers: Iterable[str], *, zone: str = "") -> ForwarderSet:
        """The set for `servers` as written; `zone` is what a probe asks about. Raises `ForwarderInvalid`."""
        found: dict[Address, None] = {}
        for server in servers:
            found.update(dict.fromkeys(self._system() if server == "system" else [parse_address(server)]))
        if not found:
            raise ForwarderInvalid(
                "this machine's resolv.conf names no usable server; set forwarders.servers to addresses"
            )
        return ForwarderSet([self._forwarder(address, zone) for address in found])

    def _forwarder(self, address: Address, zone: str) -> Forwarder:
        known = self._known.get(address)
        if known is None:
            known = self._known[address] = Forwarder(*address, probe_name=zone)
        return known

    def _system(self) -> list[Address]:
        for path in self._resolv_conf:
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if found := [one for one in nameservers(text) if one not in self._own]:
                return found
        return []


def parse_address(text: str) -> Address:
    """(address, port) of a server as written; the port is 53 unless given. Raises `ForwarderInvalid`."""
    host, port = text.strip(), str(DNS_PORT)
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
        host = host if bracket else ""
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        address = ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ForwarderInvalid(f"forwarder {text!r} is not an address; write 192.0.2.1 or [2001:db8::1]:53")
    return str(address), number


def nameservers(resolv_conf: str) -> list[Address]:
    """The `nameserver` lines of a resolv.conf; lines that hold no address are passed over, as the C library does."""
    found: list[Address] = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                found.append((str(ipaddress.ip_address(words[1])), DNS_PORT))
            except ValueError:
                continue
    return found
