"""The self-test: every sealed list holds a name of ours, which must be denied to everybody, at every door.

Three ways of asking: `explain` for a client of each segment; a whole query of such a client, handed to the plane as a
stream door would; and, by the command, a datagram through the network to the address the server listens on.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import orjson

from schoolgate._core import SEALED_SELF_TEST_NAME
from schoolgate.config import SocketAddress
from schoolgate.errors import SchoolgateError

ASK_TIMEOUT_S = 2.0
TRIES = 3
_TYPE_A = 1
_CLIENT_PORT = 40000
# EDNS option 15 (EDE, RFC 8914) of two octets: code 16, Censored.
_EDE_CENSORED = b"\x00\x0f\x00\x02\x00\x10"


class SelfTestFailed(SchoolgateError):
    """The self-test name was not denied as a sealed name everywhere."""


class Decides(Protocol):
    """What the self-test needs of a plane."""

    def explain(self, name: str, qtype: int, client: str, local: str, local_port: int) -> bytes: ...

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None: ...


def from_each_segment(plane: Decides, segments: list[dict[str, Any]], own: SocketAddress) -> list[dict[str, Any]]:
    """What a client of each segment gets: [{"segment", "policy", "client", "rule", "denied", "reason"}]."""
    return [_from_segment(plane, segment, own) for segment in segments]


def clients_of(plane: Decides, segments: list[dict[str, Any]], own: SocketAddress) -> list[str]:
    """The clients that `from_each_segment` asks for, one for each segment that has any."""
    found = (_place(plane, segment, own) for segment in segments)
    return [place[0] for place in found if place is not None]


def _from_segment(plane: Decides, segment: dict[str, Any], own: SocketAddress) -> dict[str, Any]:
    result = {"segment": segment["id"], "policy": segment["policy"], "client": None, "rule": None, "denied": False}
    place = _place(plane, segment, own)
    if place is None:
        # Every address of it belongs to a narrower segment, which is tested itself: this one serves no client.
        return result | {"denied": True, "reason": "no client is in it"}
    client, local, port, decision = place
    answer = plane.ask(query(0), client, _CLIENT_PORT, local, port)
    is_sealed = decision["layer"] == "sealed" and decision["effect"] == "deny"
    denied = is_sealed and isinstance(answer, bytes) and is_censored(answer)
    reason = None if denied else f"decided by {decision['layer']}, {decision['rule']}"
    return result | {"client": client, "rule": decision["rule"], "denied": denied, "reason": reason}


def _place(plane: Decides, segment: dict[str, Any], own: SocketAddress) -> tuple[str, str, int, dict[str, Any]] | None:
    """A client of a segment, where it asks, and what is decided for it; None where the segment has no client."""
    for client, local, port in addresses_of(segment, own):
        explained = orjson.loads(plane.explain(SEALED_SELF_TEST_NAME, _TYPE_A, client, local, port))
        if explained["segment"] == segment["id"]:
            return client, local, port, explained["decision"]
    return None


def addresses_of(segment: dict[str, Any], own: SocketAddress) -> Iterator[tuple[str, str, int]]:
    """Clients that a segment may have, and where they ask. `segment`: as the compiled policy has it."""
    for prefix in segment["prefixes"]:
        network = ipaddress.ip_network(prefix, strict=False)
        middle = network[network.num_addresses // 2]
        for client in dict.fromkeys(map(str, (network[0], network[-1], middle))):
            yield client, own.host, own.port
    for asked in segment["asked"]:
        host, _, port = (
            asked.rpartition(":") if asked.startswith((":", "[")) or asked.count(":") == 1 else (asked, "", "")
        )
        host = host.strip("[]") or own.host
        yield ("::1" if ":" in host else "127.0.0.1"), host, int(port or own.port)


def by_datagram(address: SocketAddress, announce: Callable[[str], None]) -> bool:
    """Whether the server at `address` denies the name to this machine as sealed. `announce`: called with our own
    address before each question. Raises `SelfTestFailed` on silence."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    for _ in range(TRIES):
        ident = int.from_bytes(os.urandom(2))
        with socket.socket(family, socket.SOCK_DGRAM) as sock, contextlib.suppress(TimeoutError, ConnectionError):
            sock.connect((address.host, address.port))
            announce(sock.getsockname()[0])
            sock.send(query(ident))
            deadline = time.monotonic() + ASK_TIMEOUT_S
            while (left_s := deadline - time.monotonic()) > 0:
                sock.settimeout(left_s)
                answer = sock.recv(65535)
                if answer[:2] == ident.to_bytes(2):
                    return is_censored(answer)
    raise SelfTestFailed(f"{address} does not answer; is the server running? Look at `schoolgate status`")


def query(ident: int) -> bytes:
    """A query for the self-test name, with EDNS so that the answer may say why."""
    labels = b"".join(bytes((len(label),)) + label for label in SEALED_SELF_TEST_NAME.encode().split(b"."))
    header = ident.to_bytes(2) + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01"
    return header + labels + b"\x00\x00\x01\x00\x01" + b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"


def is_censored(answer: bytes) -> bool:
    """The answer is a reply that carries EDE 16, which nothing but a sealed list causes."""
    return len(answer) > 12 and bool(answer[2] & 0x80) and _EDE_CENSORED in answer
