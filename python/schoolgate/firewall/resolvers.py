"""Addresses of other people's resolvers and relays: what a firewall refuses, because a device there asks us no more.

Read from `*-addresses.txt` of the shipped circumvention lists: one address or prefix a line. The rules made of them
must never depend on the order of lines, and never close a whole address family by a slip.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from schoolgate.config import Problem
from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused

Network = IPv4Network | IPv6Network

# What small routers hold in one set; a longer list is another list put here by mistake.
MOST_ADDRESSES = 16_384
# A prefix as wide as a provider's whole network closes web sites, not resolvers.
SHORTEST_V4, SHORTEST_V6 = 16, 32


class AddressesUnreadable(InputRefused):
    """The lists of addresses cannot be used; every line that is wrong is named."""


@dataclass(frozen=True)
class Resolvers:
    """Known addresses, sorted, none inside another."""

    v4: tuple[IPv4Network, ...]
    v6: tuple[IPv6Network, ...]

    @property
    def all(self) -> tuple[Network, ...]:
        return (*self.v4, *self.v6)


def read_resolvers(lists_dir: Path) -> Resolvers:
    """Raises `AddressesUnreadable` with every line that is wrong, and when there is no list at all."""
    problems: list[Problem] = []
    found: list[Network] = []
    paths = sorted((lists_dir / "circumvention").glob("*-addresses.txt"))
    for path in paths:
        found += _networks(path, problems)
    if not problems and not 0 < len(found) <= MOST_ADDRESSES:
        place = str(paths[0] if paths else lists_dir / "circumvention" / "resolver-addresses.txt")
        message = f"holds {len(found)} addresses, and should hold 1 to {MOST_ADDRESSES}"
        problems.append(Problem(place, "", message, "reinstall schoolgate, or set lists.dir"))
    if problems:
        raise AddressesUnreadable(problems)
    return sorted_resolvers(found)


def sorted_resolvers(networks: Iterable[Network]) -> Resolvers:
    """The same addresses, each once, in order."""
    every = tuple(networks)
    return Resolvers(
        tuple(ipaddress.collapse_addresses(one for one in every if isinstance(one, IPv4Network))),
        tuple(ipaddress.collapse_addresses(one for one in every if isinstance(one, IPv6Network))),
    )


def _networks(path: Path, problems: list[Problem]) -> Iterator[Network]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            remedy = "write an address, or a prefix such as 192.0.2.0/24"
            problems.append(Problem(str(path), f"line {number}", f"{text} is neither", remedy))
            continue
        if network.prefixlen < (SHORTEST_V4 if network.version == 4 else SHORTEST_V6):
            problems.append(Problem(str(path), f"line {number}", f"{text} is too wide", "write narrower prefixes"))
        else:
            yield network


def text_of(network: Network) -> str:
    """A single address without its length, as people write it."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)
