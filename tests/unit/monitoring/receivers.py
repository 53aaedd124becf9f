"""A mail server and a webhook receiver on loopback, which keep what they are sent."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import orjson
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """What a mail server took; `answers` are given before it takes one."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    signed_in: list[bytes] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 5.1.1 nobody of this name here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.signed_in.append(data.password)
        return AuthResult(success=data.password == b"right", handled=False)


@contextmanager
def mail_server(*, port: int = 0, wants_password: bool = False, **tls: Any) -> Iterator[Mailbox]:
    """In a thread of its own."""
    box = Mailbox()
    box.port = port or free_port()
    options = {"authenticator": box.authenticate, "auth_require_tls": False} if wants_password else {}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=60.0, **options, **tls)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


MORE_THAN_A_SOCKET_HOLDS_OCTETS = 64 * 1024 * 1024
"""The kernel keeps a few MiB of an answer that is not read; what goes out beyond that was read."""


@dataclass
class Hook:
    """What a webhook receiver was sent; `statuses` are answered first. An endless answer ends when the client has left,
    or has read more than `MORE_THAN_A_SOCKET_HOLDS_OCTETS`."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b"ok"
    is_endless: bool = False
    sent_octets: int = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.raw.append(body)
        self.bodies.append(orjson.loads(body))
        self.headers.append(dict(request.headers))
        status = self.statuses.pop(0) if self.statuses else 200
        if self.is_endless:
            return await self._without_end(request)
        return web.Response(status=status, body=self.answer, headers={"Location": "/elsewhere"})

    async def _without_end(self, request: web.Request) -> web.StreamResponse:
        response, piece = web.StreamResponse(), bytes(64 * 1024)
        await response.prepare(request)
        with suppress(ConnectionError):
            while self.sent_octets < MORE_THAN_A_SOCKET_HOLDS_OCTETS:
                await response.write(piece)
                self.sent_octets += len(piece)
        return response


@asynccontextmanager
async def webhook() -> AsyncIterator[Hook]:
    """On this event loop."""
    hook = Hook()
    application = web.Application()
    application.router.add_post("/{path:.*}", hook.take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert server is not None
    hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"  # type: ignore[attr-defined]
    try:
        yield hook
    finally:
        await runner.cleanup()
