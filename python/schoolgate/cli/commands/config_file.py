"""Which settings a command speaks of: those it is given, else the machine's, else the built-in ones."""

from __future__ import annotations

from pathlib import Path

SYSTEM_CONFIG = Path("/etc/schoolgate/schoolgate.toml")


def config_path(given: Path | None) -> Path | None:
    """The settings file to read; None means the built-in settings."""
    if given is not None:
        return given
    try:
        return SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None
    except PermissionError:  # its directory is closed to this user; reading the file says so
        return SYSTEM_CONFIG
