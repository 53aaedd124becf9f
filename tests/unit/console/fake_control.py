"""A control process that speaks the protocol of the operations socket and does nothing: results are given to it.

For tests of pages. What the real one does is tested with the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

Answer = Callable[[Mapping[str, Any]], Any]
TOKEN = "the-token-of-a-session-0123456789abcdefghij"


# What status.home returns for a school that is well.
HOME = {
    "at": "2026-11-30T09:00:00+00:00",
    "is_serving": True,
    "segments": {
        "pupils": "pupil",
        "library": "pupil",
        "sixth-form": "sixth-form",
        "staff": "staff",
        "guests": "guest",
    },
    "next_change": None,
    "oldest_feed_s": 7_200,
    "problems": {},
    "unprotected": 0,
}


class Refused(Exception):
    """Raised by an answer: type and message of a refusal."""


def whoami(*roles: str, stage: str = "full") -> dict[str, Any]:
    """What session.show returns for an account with these roles in the whole trust."""
    return {
        "account_id": "019a3185-c500-7000-8000-000000000001",
        "login": "asmith",
        "display_name": "Alice Smith",
        "roles": [{"role": role, "scope": "trust", "holds_here": True} for role in roles],
        "stage": stage,
        "method": "password",
        "is_fresh": True,
        "fresh_until_us": 4_000_000_000_000_000,
        "names": ["totp"],
        "ends_us": 4_000_000_000_000_000,
    }


class FakeControl:
    """`answers`: what an operation returns, or a function of its request. A session is known by `TOKEN`."""

    def __init__(self, path: Path, *roles: str) -> None:
        self.path = path
        self.answers: dict[str, Any] = {"session.show": whoami(*roles), "status.home": HOME}
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    def asked(self, name: str) -> list[dict[str, Any]]:
        """The requests of an operation."""
        return [one for one in self.requests if one["operation"] == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while octets := await reader.readline():
            request = orjson.loads(octets)
            self.requests.append(request)
            octets = self.reply_octets(request)
            if not octets:
                break
            writer.write(octets)
            await writer.drain()
        writer.close()

    def reply_octets(self, request: Mapping[str, Any]) -> bytes:
        """The line that answers a request; empty to go away without an answer."""
        return orjson.dumps(self._reply(dict(request))) + b"\n"

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": True, "result": self._result(request)}
        except Refused as error:
            kind, message = error.args
            return {"ok": False, "error": {"type": kind, "message": message, "exit_code": 1}}

    def _result(self, request: dict[str, Any]) -> Any:
        if "session" in request and request["session"] not in ("", TOKEN):
            raise Refused("SessionEnded", "the session has ended; sign in again")
        if request["operation"] not in self.answers:
            raise Refused("NoSuchOperation", f"there is no operation {request['operation']!r}")
        answer = self.answers[request["operation"]]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer
