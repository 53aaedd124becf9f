"""A query to a forwarder, as octets: its question."""

from __future__ import annotations

from typing import Final

HEADER_OCTETS: Final = 12
DS: Final = 43


def question_of(query: bytes) -> bytes:
    """Octets of the first question (name, type, class) of a well-formed query."""
    end = HEADER_OCTETS
    while query[end]:
        end += query[end] + 1
    return query[HEADER_OCTETS : end + 5]


def qtype_of(query: bytes) -> int:
    """QTYPE of a well-formed query."""
    return int.from_bytes(question_of(query)[-4:-2])
