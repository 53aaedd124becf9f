"""Where this machine reaches its own service."""

from __future__ import annotations

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.settings import Settings


def own_address(settings: Settings) -> SocketAddress:
    """The first address of the settings; the loopback address where that is a wildcard."""
    first = settings.server.listen[0]
    if not first.is_wildcard:
        return first
    return SocketAddress("::1" if ":" in first.host else "127.0.0.1", first.port)
