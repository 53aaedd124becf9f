"""The plane for tests of the cold path."""

from __future__ import annotations

import asyncio
import json

import dns.edns
import dns.message
from tests.waiting import PATIENT_S

from schoolgate._core import Plane, PolicyTable, Snapshot

_OPEN = {
    "serial": 1,
    "policies": [{"id": "open", "action": "nxdomain", "unknown": "allow"}],
    "segments": [{"id": "all", "prefixes": ["127.0.0.0/8"], "policy": "open", "qps": 0, "burst": 0}],
    "strictest": "open",
    "allowed_clients": ["127.0.0.0/8"],
}


def wire_name(name: str) -> bytes:
    """A plain name in wire format."""
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".") if label) + b"\0"


def query_for(name: str, qtype: int = 1, ident: int = 0) -> bytes:
    """A query as the plane builds them: RD, EDNS 1232, id 0."""
    question = wire_name(name) + qtype.to_bytes(2) + b"\0\1"
    return ident.to_bytes(2) + b"\1\0\0\1\0\0\0\0\0\1" + question + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


class Heard:
    """What a client hears."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.message = dns.message.from_wire(octets)

    @property
    def rcode(self) -> int:
        return int(self.message.rcode())

    @property
    def reasons(self) -> set[int]:
        """The codes of the extended errors (RFC 8914)."""
        return {int(one.code) for one in self.message.options if isinstance(one, dns.edns.EDEOption)}


class OpenPlane:
    """The core's plane with a policy that allows everything, asked from within this process."""

    def __init__(self) -> None:
        settings = {"listen": ["127.0.0.1:0"], "workers": 1}
        self.core = Plane(
            json.dumps(settings).encode(), Snapshot.empty(), PolicyTable.compile(json.dumps(_OPEN).encode())
        )
        self.core.start()
        self._waiting: dict[int, asyncio.Future[Heard]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.core.answers_fd(), self._take_answers)

    def close(self) -> None:
        self._loop.remove_reader(self.core.answers_fd())
        self.core.stop()

    def put(self, name: str, qtype: int = 1) -> asyncio.Future[Heard]:
        """Ask, and wait for nothing."""
        future: asyncio.Future[Heard] = self._loop.create_future()
        asked = self.core.ask(query_for(name, qtype), "127.0.0.1", 4000, "127.0.0.1", 53)
        if isinstance(asked, bytes):
            future.set_result(Heard(asked))
        else:
            assert asked is not None
            self._waiting[asked] = future
        return future

    async def ask(self, name: str, qtype: int = 1) -> Heard:
        return await asyncio.wait_for(self.put(name, qtype), PATIENT_S)

    def _take_answers(self) -> None:
        for ticket, octets in self.core.take_answers():
            self._waiting.pop(ticket).set_result(Heard(octets))
