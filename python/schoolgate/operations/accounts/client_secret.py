"""A secret in a file of its own, which only the service's user may read."""

from __future__ import annotations

from pathlib import Path

from schoolgate.accounts.errors import ProviderRefused

MOST_OCTETS = 4096


def read_secret(path: Path, most_octets: int = MOST_OCTETS) -> str:
    """The text of the file without its last line's end. Raises `ProviderRefused` that says what to do."""
    try:
        if path.stat().st_mode & 0o077:
            raise ProviderRefused(f"{path}: others can read the secret; chmod 600 it")
        text = path.read_bytes()[:most_octets].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise ProviderRefused(f"{path}: {reason}; put the secret there") from error
    if not text:
        raise ProviderRefused(f"{path}: the file is empty; put the secret there")
    return text
