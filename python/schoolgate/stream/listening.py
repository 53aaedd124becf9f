"""The TCP ports of the door for clients, opened before there is an event loop: the kernel lets clients in meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final

from schoolgate.errors import SchoolgateError

BACKLOG: Final = 256


class ListenAddressUnusable(SchoolgateError):
    """A TCP listener could not be opened."""


def listening_sockets(addresses: Iterable[tuple[str, int]]) -> list[socket.socket]:
    """A listener for each address, or none at all. Raises `ListenAddressUnusable`."""
    opened: list[socket.socket] = []
    try:
        for address, port in addresses:
            opened.append(listening_socket(address, port))
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    return opened


def listening_socket(address: str, port: int) -> socket.socket:
    """A bound, non-blocking TCP socket; IPv6 without IPv4. Raises `ListenAddressUnusable`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        # Listen now: with SO_REUSEADDR two sockets may bind the same port, and only the second listen is refused.
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenAddressUnusable(
            f"cannot listen on {address} port {port} over TCP: {error.strerror}; "
            "stop what uses it or change server.listen"
        ) from error
    return sock
