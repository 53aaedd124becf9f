"""Opens an address for browsers: connections within their bounds, TLS where there is a certificate, looked at again."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.web_listener import Network
from schoolgate.console.bounded_connection import BoundedConnection, OpenConnections
from schoolgate.console.certificate_pair import CertificatePair
from schoolgate.console.errors import ConsoleUnusable
from schoolgate.telemetry import Logger

# How often the certificate's files are looked at; SIGHUP has them looked at now.
LOOK_AT_CERTIFICATE_S: Final = 30.0
HANDSHAKE_WITHIN_S: Final = 10.0

_log = Logger("schoolgate.console")


async def listen(
    web_server: web.Server,
    at: SocketAddress,
    what: str,
    *,
    context: ssl.SSLContext | None = None,
    proxies: tuple[Network, ...] = (),
) -> asyncio.Server:
    """Serves there, with bounds of its own. `what`: for the error. Raises `ConsoleUnusable`."""
    connections = OpenConnections(context is not None, _is_in(proxies))
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: BoundedConnection(web_server, connections),
            at.host,
            at.port,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_WITHIN_S if context else None,
            backlog=128,
        )
    except OSError as error:
        raise ConsoleUnusable(f"{at}: {what} ({error.strerror or error})") from error


async def watch(pair: CertificatePair, looking: asyncio.Event) -> None:
    """Takes in changed files of a certificate, for ever. `looking`: set to have them looked at now."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(looking.wait(), LOOK_AT_CERTIFICATE_S)
        looking.clear()
        try:
            if pair.reload_if_changed():
                _log.info("the certificate was read again")
        except ConsoleUnusable as error:
            _log.error("the certificate in use stays", problem=str(error))


def port_of(server: asyncio.Server) -> int:
    """The port that the machine chose, or that it was given."""
    return int(server.sockets[0].getsockname()[1])


def _is_in(networks: tuple[Network, ...]) -> Callable[[str], bool]:
    def is_in(address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in networks)

    return is_in
