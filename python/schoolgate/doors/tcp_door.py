"""Plain TCP (RFC 7766) of one server, as its status sees it. Threads of the core carry it; no octet comes here."""

from __future__ import annotations

from typing import Any

import orjson

from schoolgate._core import Doors
from schoolgate.config import SocketAddress


class TcpDoor:
    """Addresses, counters and threads of plain TCP."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    @property
    def listening(self) -> list[str]:
        """Where it answers, with the real port where 0 was asked for."""
        return [str(SocketAddress(host, port)) for door, host, port in self._doors.listening() if door == "tcp"]

    @property
    def is_alive(self) -> bool:
        """Whether all its threads run. They serve the encrypted doors too."""
        counted = self._counted()
        return bool(counted["threads_alive"] == counted["threads"])

    def stats(self) -> dict[str, int]:
        """Counters, and how many connections and unanswered messages there are now."""
        counted = self._counted()["tcp"]
        return {**counted["events"], "open": counted["open"], "waiting": counted["waiting"]}

    def problems(self) -> list[str]:
        """What an operator should look at."""
        counted = self._counted()
        dead = counted["threads"] - counted["threads_alive"]
        return [f"{dead} of {counted['threads']} threads of TCP and encrypted DNS died; restart"] if dead else []

    def _counted(self) -> dict[str, Any]:
        counted: dict[str, Any] = orjson.loads(self._doors.stats())
        return counted
