"""The machine's own resolvers, for `servers = ["system"]`: what /etc/resolv.conf names, less ourselves.

Once a school's machine resolves through schoolgate, resolv.conf names us: asking ourselves would be a loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic_core import PydanticCustomError

from schoolgate.config.addresses import DNS_PORT, SocketAddress, parse_socket_address
from schoolgate.config.settings import is_ours

RESOLV_CONF = Path("/etc/resolv.conf")
# resolv.conf(5): MAXNS is 3, but newer libraries read more; the resolver ranks them by health.
MOST_SYSTEM_RESOLVERS = 8


def system_resolvers(listen: tuple[SocketAddress, ...], path: Path = RESOLV_CONF) -> tuple[SocketAddress, ...]:
    """Empty when there is none: we still answer what needs no forwarder, and the caller says what is missing."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    found = (_nameserver(line) for line in lines)
    usable = dict.fromkeys(server for server in found if server is not None and not is_ours(server, listen))
    return tuple(usable)[:MOST_SYSTEM_RESOLVERS]


def with_system(
    servers: tuple[SocketAddress | Literal["system"], ...],
    listen: tuple[SocketAddress, ...],
    path: Path = RESOLV_CONF,
) -> tuple[SocketAddress, ...]:
    """`servers` with the word "system" replaced by what it stands for now; each server once, in order."""
    result: dict[SocketAddress, None] = {}
    for server in servers:
        result.update(dict.fromkeys((server,) if isinstance(server, SocketAddress) else system_resolvers(listen, path)))
    return tuple(result)


def _nameserver(line: str) -> SocketAddress | None:
    words = line.split()
    if len(words) < 2 or words[0] != "nameserver":
        return None
    try:
        return parse_socket_address(words[1], default_port=DNS_PORT)
    except PydanticCustomError:
        return None
