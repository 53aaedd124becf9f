"""The addresses of the public pages: the site itself, and port 80 of the block page's addresses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.pages import Pages
from schoolgate.console.certificate_pair import CertificatePair
from schoolgate.console.errors import ConsoleUnusable
from schoolgate.console.listening import listen, port_of, watch
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.public.block_page import BlockPage
from schoolgate.console.public.public_application import PublicSite
from schoolgate.telemetry import Logger

ENDS_WITHIN_S: Final = 4.0

_log = Logger("schoolgate.console")


@contextlib.asynccontextmanager
async def public_pages(pages: Pages, client: OperationsClient, looking: asyncio.Event) -> AsyncIterator[None]:
    """Serves them inside the `with`; nothing where the settings have none. `looking`: as for `watch`.

    What cannot be opened is in the log: the console, which shares the process, goes on without it.
    """
    async with contextlib.AsyncExitStack() as stack:
        if pages.enabled:
            for opening in (_open_site(stack, pages, client, looking), _open_block_pages(stack, pages)):
                try:
                    await opening
                except ConsoleUnusable as error:
                    _log.error("a page without sign-in is not open", problem=str(error))
        yield


async def _open_site(
    stack: contextlib.AsyncExitStack, pages: Pages, client: OperationsClient, looking: asyncio.Event
) -> None:
    pair = CertificatePair.of(pages)
    application = PublicSite(pages, client).application
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=ENDS_WITHIN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    assert runner.server is not None
    what = "the pages without sign-in cannot be opened there; set [pages] address and port"
    context = pair.context if pair else None
    server = await listen(runner.server, pages.listen, what, context=context, proxies=pages.trusted_proxies)
    stack.callback(server.close)
    if pair is not None:
        stack.callback(asyncio.create_task(watch(pair, looking)).cancel)
    scheme = "https" if pages.has_certificate else "http"
    host = f"[{pages.address}]" if ":" in pages.address else pages.address
    _log.info("pages without sign-in are open", address=f"{scheme}://{host}:{port_of(server)}/")


async def _open_block_pages(stack: contextlib.AsyncExitStack, pages: Pages) -> None:
    """Plain HTTP for every host, at the addresses that policies give; the names behind it are of others."""
    for address in pages.block_addresses:
        server = web.Server(BlockPage(pages.site_address), access_log=None)
        stack.push_async_callback(server.shutdown, ENDS_WITHIN_S)
        what = "the block page cannot be opened there; set [pages] block_addresses and block_port"
        at = SocketAddress(address, pages.block_port)
        listening = await listen(server, at, what)
        stack.callback(listening.close)
        _log.info("the block page's address leads to the why page", address=f"{address} port {port_of(listening)}")
