"""Which settings a command speaks of: those it is given, else the machine's, else the built-in ones."""

from __future__ import annotations

from pathlib import Path

from schoolgate.config import SocketAddress
from schoolgate.config.settings import Settings

SYSTEM_CONFIG = Path("/etc/schoolgate/schoolgate.toml")


def config_path(given: Path | None) -> Path | None:
    """The settings file to read; None means the built-in settings."""
    if given is not None:
        return given
    try:
        return SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None
    except PermissionError:  # its directory is closed to this user; reading the file says so
        return SYSTEM_CONFIG


def own_address(settings: Settings) -> SocketAddress:
    """An address at which this machine reaches its own service."""
    first = settings.server.listen[0]
    if not first.is_wildcard:
        return first
    return SocketAddress("::1" if ":" in first.host else "127.0.0.1", first.port)
