"""Messages on a stream: two octets of length, then the message (RFC 1035 section 4.2.2, RFC 7766 section 8)."""

from __future__ import annotations

from typing import Final

LENGTH_OCTETS: Final = 2
MESSAGE_OCTETS_MAX: Final = 65535


def frame(message: bytes) -> bytes:
    """`message` with its length before it, to be written at once (RFC 7766: not in two segments)."""
    return len(message).to_bytes(LENGTH_OCTETS) + message
