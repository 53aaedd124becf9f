"""Identifiers of rows: UUID version 7 (RFC 9562 section 5.7), which sort by the time they were made."""

from __future__ import annotations

import secrets
from uuid import UUID


def uuid7(at_us: int) -> UUID:
    """A new identifier for a row made at `at_us` (microseconds since 1970, UTC).

    The 12 bits after the milliseconds hold the rest of the time (method 3 of section 6.2); 62 bits are random.
    """
    milliseconds, rest = divmod(at_us, 1000)
    fraction = rest * 4096 // 1000
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62)
    return UUID(int=value)
