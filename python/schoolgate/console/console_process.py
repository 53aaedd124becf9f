"""`schoolgate console`: opens the console's address, serves pages until it is stopped, and ends what is under way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from aiohttp import web

from schoolgate.config import Settings, load
from schoolgate.config.console import Console
from schoolgate.console.application import application
from schoolgate.console.bounded_connection import BoundedConnection, OpenConnections
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.certificate_pair import CertificatePair
from schoolgate.console.errors import ConsoleUnusable
from schoolgate.console.operations_client import OperationsClient
from schoolgate.telemetry import Logger, ServiceManager

# How often the certificate's files are looked at; SIGHUP has them looked at now.
LOOK_AT_CERTIFICATE_S: Final = 30.0
HANDSHAKE_WITHIN_S: Final = 10.0
# Requests that are under way when it is stopped.
ENDS_WITHIN_S: Final = 8.0

_log = Logger("schoolgate.console")


def run(config: Path | None, *, until_stdin_ends: bool = False) -> None:
    """Until SIGTERM or SIGINT. Raises a `SchoolgateError` when it cannot start."""
    settings = load(config)
    if not settings.console.enabled:
        _log.info("the console is switched off ([console] enabled)")
        return
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(ConsoleProcess(settings).run(until_stdin_ends=until_stdin_ends))


class ConsoleProcess:
    """One running console."""

    def __init__(self, settings: Settings) -> None:
        self._console: Console = settings.console
        self._client = OperationsClient(settings.server.operations_socket)
        self._assets = BuiltAssets.load()
        self._stopping = asyncio.Event()
        self._looking = asyncio.Event()

    async def run(self, *, until_stdin_ends: bool = False) -> None:
        """Opens the address, serves until stopped, lets what is under way end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._looking.set)
        if until_stdin_ends:
            loop.add_reader(sys.stdin.fileno(), self._parent_gone)
        pair = CertificatePair.of(self._console)
        runner = web.AppRunner(
            application(self._console, self._client, self._assets), access_log=None, shutdown_timeout=ENDS_WITHIN_S
        )
        await runner.setup()
        with contextlib.closing(ServiceManager()) as manager:
            try:
                await self._serve(runner, pair, manager)
            finally:
                manager.stopping()
                await runner.cleanup()
                await self._client.close()
        _log.info("stopped")

    async def _serve(self, runner: web.AppRunner, pair: CertificatePair | None, manager: ServiceManager) -> None:
        server = await self._listen(runner, pair.context if pair else None)
        watching = asyncio.create_task(self._watch(pair)) if pair else None
        try:
            address = self._say_where(server)
            manager.ready(f"serving {address}")
            await self._stopping.wait()
        finally:
            server.close()
            if watching is not None:
                watching.cancel()

    async def _listen(self, runner: web.AppRunner, context: ssl.SSLContext | None) -> asyncio.Server:
        web_server, console = runner.server, self._console
        assert web_server is not None
        connections = OpenConnections(context is not None, self._is_proxy)
        try:
            return await asyncio.get_running_loop().create_server(
                lambda: BoundedConnection(web_server, connections),
                console.address,
                console.port,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_WITHIN_S if context else None,
                backlog=128,
            )
        except OSError as error:
            raise ConsoleUnusable(
                f"{console.listen}: the console cannot be opened there ({error.strerror or error}); set [console]"
                " address and port"
            ) from error

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._console.trusted_proxies)

    def _say_where(self, server: asyncio.Server) -> str:
        host, port = server.sockets[0].getsockname()[:2]
        name = self._console.names[0] if self._console.names else f"[{host}]" if ":" in host else host
        scheme = "https" if self._console.has_certificate else "http"
        address = f"{scheme}://{name}:{port}/"
        _log.info("ready", address=address)
        if not self._console.has_certificate:
            _log.warning(
                "without a certificate the console is for this machine alone; set [console] certificate and key"
            )
        return address

    async def _watch(self, pair: CertificatePair) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._looking.wait(), LOOK_AT_CERTIFICATE_S)
            self._looking.clear()
            try:
                if pair.reload_if_changed():
                    _log.info("the certificate was read again")
            except ConsoleUnusable as error:
                _log.error("the certificate in use stays", problem=str(error))

    def _parent_gone(self) -> None:
        """The service that started us holds the other end: when it ends, however it ends, so do we."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stopping.set()
