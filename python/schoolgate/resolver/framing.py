"""Messages on a stream: two octets of length, then the message (RFC 1035 section 4.2.2, RFC 7766 section 8)."""

from __future__ import annotations

from typing import Final

LENGTH_OCTETS: Final = 2
MESSAGE_OCTETS_MAX: Final = 65535
HEADER_OCTETS: Final = 12


class FrameTooShort(ValueError):
    """A length that cannot hold a DNS header: what follows is not DNS."""


def frame(message: bytes) -> bytes:
    """`message` with its length before it, to be written at once (RFC 7766: not in two segments)."""
    return len(message).to_bytes(LENGTH_OCTETS) + message


class Frames:
    """Octets of one stream, as they come; whole messages, as they are taken. Holds one unfinished message at most,
    if every whole one is taken before more octets are put in."""

    __slots__ = ("_octets", "_taken")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._taken = 0

    def put(self, octets: bytes | bytearray) -> None:
        """More from the stream."""
        del self._octets[: self._taken]
        self._taken = 0
        self._octets += octets

    def take(self) -> bytes | None:
        """The next whole message, or None. Raises `FrameTooShort`."""
        start = self._taken + LENGTH_OCTETS
        if len(self._octets) < start:
            return None
        length = int.from_bytes(self._octets[self._taken : start])
        if length < HEADER_OCTETS:
            raise FrameTooShort(length)
        if len(self._octets) < start + length:
            return None
        self._taken = start + length
        return bytes(self._octets[start : self._taken])

    @property
    def has_begun(self) -> bool:
        """Whether octets are left: a message has begun, or waits to be taken."""
        return len(self._octets) > self._taken
