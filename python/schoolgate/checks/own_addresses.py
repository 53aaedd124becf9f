"""The addresses of this machine, as its kernel tells them: from which of them may a check ask?

Read from the process's own view of the network, which needs no right and no netlink socket.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
NETWORK_FILES = Path("/proc/self/net")
# A machine with more addresses than this serves something else than a school.
MOST_LINES = 200_000
# Of IPv6: the scope of an address that means something on one wire only, so that no plain socket can use it.
_LINK_SCOPE = "20"


def own_networks(folder: Path = NETWORK_FILES) -> tuple[IPNetwork, ...]:
    """What this machine may send from: single addresses, and all of 127.0.0.0/8. Empty where it cannot be read."""
    found = {*_of_ipv4(_lines(folder / "fib_trie")), *_of_ipv6(_lines(folder / "if_inet6"))}
    return tuple(sorted(found, key=lambda one: (one.version, int(one.network_address), one.prefixlen)))


def _of_ipv4(lines: list[str]) -> Iterator[IPNetwork]:
    """Leaves of the kernel's tree of routes that end at this machine."""
    address = ""
    for line in lines:
        words = line.split()
        if words[:1] == ["|--"] and len(words) > 1:
            address = words[1]
        elif words[1:] == ["host", "LOCAL"]:
            try:
                yield ipaddress.IPv4Network(f"{address}{words[0]}")
            except ValueError:
                continue


def _of_ipv6(lines: list[str]) -> Iterator[IPNetwork]:
    for line in lines:
        words = line.split()
        if len(words) < 4 or words[3] == _LINK_SCOPE:
            continue
        try:
            yield ipaddress.IPv6Network((int(words[0], 16), 128))
        except ValueError:
            continue


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return [line for line, _ in zip(file, range(MOST_LINES), strict=False)]
    except OSError:
        return []
