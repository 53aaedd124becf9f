"""Forwarder addresses as administrators write them: `192.0.2.1`, `192.0.2.2:5353`, `[2001:db8::1]:53`, `system`.

`system` stands for the name servers of this machine (resolv.conf). Our own listening addresses are left out of those:
a machine that points at us must not make us ask ourselves for ever.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import orjson

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.forwarder_address import ConnectedServer, system_roots
from schoolgate.resolver.forwarders import DNS_PORT, Forwarder, ForwarderInvalid, ForwarderSet

RESOLV_CONF: Final = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""The first that names a server wins: systemd's own file lists the real servers behind its stub."""

Address = tuple[str, int]


class ForwarderDirectory:
    """Makes forwarder sets; the same address in two sets is one `Forwarder`, with one health."""

    def __init__(self, own: Collection[Address] = (), resolv_conf: Iterable[Path] = RESOLV_CONF) -> None:
        self._own = frozenset(own)
        self._resolv_conf = tuple(resolv_conf)
        self._known: dict[SocketAddress, Forwarder] = {}

    def forwarder_set(
        self,
        servers: Iterable[str | SocketAddress],
        *,
        zone: str = "",
        fallback: Iterable[SocketAddress] = (),
        is_in_order: bool = False,
        asks_ad: bool = False,
        named: Collection[object] | None = None,
    ) -> ForwarderSet:
        """The set for `servers` as written; `zone` is what a probe asks about. `named`: those that the operator wrote
        himself; None: all but "system". Raises `ForwarderInvalid`."""
        found: dict[SocketAddress, bool] = {}
        for server in servers:
            for address in self._addresses(server):
                is_named = server != "system" and (named is None or address in named)
                found[address] = found.get(address, False) or is_named
        if not found:
            raise ForwarderInvalid(
                "this machine's resolv.conf names no usable server; set forwarders.servers to addresses"
            )
        return ForwarderSet(
            [self._forwarder(one, zone, is_named) for one, is_named in found.items()],
            fallback=[self._forwarder(one, zone, is_named=True) for one in fallback],
            is_in_order=is_in_order,
            asks_ad=asks_ad,
        )

    def _addresses(self, server: str | SocketAddress) -> list[SocketAddress]:
        if isinstance(server, SocketAddress):
            return [server]
        return [SocketAddress(*one) for one in (self._system() if server == "system" else [parse_address(server)])]

    def _forwarder(self, server: SocketAddress, zone: str, is_named: bool) -> Forwarder:
        connected = server if isinstance(server, ConnectedServer) else None
        known = self._known.get(server)
        if known is None:
            known = Forwarder(server.host, server.port, probe_name=zone, server=connected)
            self._known[server] = known
        # A stub of this machine that the settings do not name may set AD as it likes.
        known.is_ad_trusted = known.is_encrypted or (is_named and server.is_loopback)
        if connected is not None:
            # Anew each time: the file of authorities may have changed.
            roots, known.roots_problem = read_roots(connected)
            known.carried = carried_settings(connected, roots)
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


def read_roots(server: ConnectedServer) -> tuple[str, str | None]:
    """The authorities that a server's certificate is believed by, PEM, and why there are none."""
    if not server.is_encrypted:
        return "", None
    path = server.roots or system_roots()
    if path is None:
        return "", "this machine has no file of authorities that it trusts: install ca-certificates, or set roots"
    try:
        return path.read_text(encoding="ascii", errors="replace"), None
    except OSError as error:
        return "", f"{path} cannot be read: {error.strerror}; no certificate is believed"


def carried_settings(server: ConnectedServer, roots: str) -> bytes:
    """How connections to a server are spoken over, as the core takes it."""
    return orjson.dumps(
        {
            "transport": server.transport,
            "name": server.name,
            "roots": roots,
            "pins": server.pins,
            "path": server.path,
        }
    )


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
