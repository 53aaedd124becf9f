"""`schoolgate console`: opens the console's address, serves pages until it is stopped, and ends what is under way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

from aiohttp import web

from schoolgate.config import Settings, load
from schoolgate.config.console import Console
from schoolgate.config.pages import Pages
from schoolgate.console.application import application
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.certificate_pair import CertificatePair
from schoolgate.console.listening import listen, watch
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.public.public_listeners import public_pages
from schoolgate.telemetry import Logger, ServiceManager

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
        self._pages: Pages = settings.pages
        self._client = OperationsClient(settings.server.operations_socket)
        self._assets = BuiltAssets.load()
        self._stopping = asyncio.Event()
        # SIGHUP: certificates are looked at now. One for each that waits.
        self._looking, self._looking_at_pages = asyncio.Event(), asyncio.Event()

    async def run(self, *, until_stdin_ends: bool = False) -> None:
        """Opens the address, serves until stopped, lets what is under way end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._look)
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
        web_server, console = runner.server, self._console
        assert web_server is not None
        what = "the console cannot be opened there; set [console] address and port"
        context = pair.context if pair else None
        server = await listen(web_server, console.listen, what, context=context, proxies=console.trusted_proxies)
        watching = asyncio.create_task(watch(pair, self._looking)) if pair else None
        try:
            address = self._say_where(server)
            async with public_pages(self._pages, self._client, self._looking_at_pages):
                manager.ready(f"serving {address}")
                await self._stopping.wait()
        finally:
            server.close()
            if watching is not None:
                watching.cancel()

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

    def _look(self) -> None:
        self._looking.set()
        self._looking_at_pages.set()

    def _parent_gone(self) -> None:
        """The service that started us holds the other end: when it ends, however it ends, so do we."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stopping.set()
