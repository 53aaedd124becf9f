"""Where a segment can be checked from: an address of this machine inside each of its networks, and the door asked.

The policy's own text says which segment a client belongs to: first the address or port asked, then the longest prefix
(rust/policy/src/segments.rs). A network without an address of this machine is a place that is not covered.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schoolgate.checks.own_addresses import IPNetwork
from schoolgate.config import SocketAddress
from schoolgate.policy.model import Document, Segment
from schoolgate.policy.prefixes import Door

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# Of a network that lies inside one of this machine's: addresses that are tried until one is in no narrower segment.
_TRIED = 8


@dataclass(frozen=True)
class Place:
    """One network of a segment. `source` and `at`: from which address to ask, and where; None where this machine has
    no address there, or no listener that serves it."""

    segment: str
    network: str
    source: str | None
    at: SocketAddress | None
    why_not: str = ""


def places_of(document: Document, own: Sequence[IPNetwork], listening: Sequence[SocketAddress]) -> tuple[Place, ...]:
    """A place for each network of each segment, in the order of the policy."""
    return tuple(
        _place(document, identity, door, network, own, listening)
        for identity, segment in document.segments.items()
        for door, network in _networks(segment, document)
    )


def segment_of(document: Document, client: IPAddress, asked: SocketAddress) -> str | None:
    """The segment of a client that asks at an address; None where it is in none."""
    best: tuple[tuple[int, int], str] | None = None
    for identity, segment in document.segments.items():
        for door, network in _networks(segment, document):
            if client.version != network.version or client not in network:
                continue
            if door is not None and not _is_at(door, asked):
                continue
            # A door counts for more than any prefix, and of two doors the one that says more.
            rank = (0 if door is None else (door.address is not None) * 2 + (door.port is not None), network.prefixlen)
            if best is None or rank > best[0]:
                best = (rank, identity)
    return best[1] if best is not None else None


def _networks(segment: Segment, document: Document) -> Iterator[tuple[Door | None, IPNetwork]]:
    for door in segment.asked or (None,):
        for network in segment.prefixes or document.allowed_clients:
            yield door, network


def _place(
    document: Document, identity: str, door: Door | None, network: IPNetwork, own: Sequence[IPNetwork],
    listening: Sequence[SocketAddress],
) -> Place:  # fmt: skip
    name = str(network) if door is None else f"{network} asked at {door}"
    sources = [one for local in own for one in _shared(network, local)]
    if not sources:
        return Place(identity, name, None, None, "this machine has no address there")
    for source in sources:
        for at in _targets(source, listening):
            if segment_of(document, source, at) == identity and (door is None or _is_at(door, at)):
                return Place(identity, name, str(source), at)
    if not any(_targets(source, listening) for source in sources):
        return Place(identity, name, str(sources[0]), None, f"the server listens on no IPv{network.version} address")
    return Place(identity, name, None, None, "the addresses of this machine there belong to narrower networks")


def _shared(network: IPNetwork, local: IPNetwork) -> Iterator[IPAddress]:
    """Addresses of this machine inside a network."""
    if network.version != local.version:
        return
    if local.num_addresses == 1:
        if local.network_address in network:
            yield local.network_address
        return
    inner = network if network.prefixlen >= local.prefixlen else local
    outer = local if inner is network else network
    if inner.network_address not in outer:
        return
    if inner.num_addresses == 1:
        yield inner.network_address
        return
    # The first address of a network names the network.
    for number in range(1, min(_TRIED, inner.num_addresses - 1)):
        yield inner[number]


def _targets(source: IPAddress, listening: Sequence[SocketAddress]) -> list[SocketAddress]:
    """Listeners of the same family, the nearest first; where the server listens on every address, the source itself is
    what a device there would be given."""
    found = []
    for one in listening:
        if ipaddress.ip_address(one.host).version == source.version:
            found.append(SocketAddress(str(source), one.port) if one.is_wildcard else one)
    return sorted(dict.fromkeys(found), key=lambda one: _distance(source, one))


def _distance(source: IPAddress, at: SocketAddress) -> int:
    return (int(source) ^ int(ipaddress.ip_address(at.host))).bit_length()


def _is_at(door: Door, asked: SocketAddress) -> bool:
    return door.address in (None, asked.host) and door.port in (None, asked.port)
