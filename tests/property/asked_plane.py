"""The real plane between a client that sends what it likes and a forwarder that does: the Rust codec from outside."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable, Iterator

from schoolgate._core import ForwarderAddress, ForwarderShare, MissResult, Plane, PolicyTable, Snapshot

_OPEN = {
    "serial": 1,
    "policies": [{"id": "open", "action": "nxdomain", "unknown": "allow"}],
    "segments": [{"id": "all", "prefixes": ["127.0.0.0/8"], "policy": "open", "qps": 0, "burst": 0}],
    "strictest": "open",
    "allowed_clients": ["127.0.0.0/8"],
}
_FORWARDER = 1
# The end of a wait for what does not come.
PATIENT_S = 60.0


class AskedPlane:
    """`ask` gives a client's message to the stream door and returns the answer; `None`: the connection is closed."""

    def __init__(self) -> None:
        settings = {"listen": ["127.0.0.1:0"], "workers": 1}
        table = PolicyTable.compile(json.dumps(_OPEN).encode())
        self._plane = Plane(json.dumps(settings).encode(), Snapshot.empty(), table)
        self._plane.start()
        self._forwarder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._forwarder.bind(("127.0.0.1", 0))
        self._plane.install_routes([ForwarderAddress(_FORWARDER, *self._forwarder.getsockname())], [])
        self.forwarded = b""

    def close(self) -> None:
        self._plane.stop()
        self._forwarder.close()

    def ask(self, message: bytes, reply: Callable[[bytes], bytes]) -> bytes | None:
        """`reply` makes the forwarder's reply to `forwarded`, the query that the plane sent it.

        A worker gives up after 4 s, which a busy machine may take for all this: then it is asked again.
        """
        while True:
            before = self._given_up()
            answer = self._ask(message, reply)
            if self._given_up() == before:
                return answer
            self._plane.forget_failures()

    def _given_up(self) -> int:
        return int(json.loads(self._plane.stats())["counters"]["expired"])

    def _ask(self, message: bytes, reply: Callable[[bytes], bytes]) -> bytes | None:
        self.forwarded = b""
        asked = self._plane.ask(message, "127.0.0.1", 4000, "127.0.0.1", 53)
        if not isinstance(asked, int):
            return asked
        self._plane.send_misses([[ForwarderShare(_FORWARDER, PATIENT_S, 0xFFFF)]], time.monotonic())
        deadline = time.monotonic() + PATIENT_S
        while time.monotonic() < deadline:
            ready, _, _ = select.select(
                [self._forwarder, self._plane.answers_fd(), self._plane.forwarding_fd()], [], [], PATIENT_S
            )
            if self._forwarder in ready:
                self.forwarded, worker = self._forwarder.recvfrom(65535)
                self._forwarder.sendto(reply(self.forwarded), worker)
            if self._plane.forwarding_fd() in ready:
                self._complete()
            if self._plane.answers_fd() in ready:
                for ticket, answer in self._plane.take_answers():
                    if ticket == asked:
                        return answer
        raise TimeoutError(message.hex())

    def _complete(self) -> None:
        """Whatever else a reply is, it is the last: what the plane makes of it is what the client hears."""
        report = self._plane.read_replies(time.monotonic())
        self._plane.complete([MissResult(one.key, one.reply or None, ede=23) for one in report.events])


@contextlib.contextmanager
def asked_plane() -> Iterator[AskedPlane]:
    made = AskedPlane()
    try:
        yield made
    finally:
        made.close()
