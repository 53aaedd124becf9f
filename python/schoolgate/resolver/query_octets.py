"""A query to a forwarder, as octets: its question, and whether it has OPT (RFC 6891)."""

from __future__ import annotations

from typing import Final

HEADER_OCTETS: Final = 12
_ADDITIONAL_COUNT: Final = slice(10, 12)
DS: Final = 43


def question_of(query: bytes) -> bytes:
    """Octets of the first question (name, type, class) of a well-formed query."""
    end = HEADER_OCTETS
    while query[end]:
        end += query[end] + 1
    return query[HEADER_OCTETS : end + 5]


def asks_ad(query: bytes) -> bool:
    """Whether a query asks for the AD bit ( RFC 6840 section 5.7)."""
    return bool(query[3] & 0x20)


def qtype_of(query: bytes) -> int:
    """QTYPE of a well-formed query."""
    return int.from_bytes(question_of(query)[-4:-2])


def has_opt(message: bytes) -> bool:
    """Whether a query of ours, or an error without answer, has an additional record: an OPT."""
    return message[_ADDITIONAL_COUNT] != b"\0\0"


def without_opt(query: bytes) -> bytes:
    """The same query without OPT, and so without DO, for a server that does not know EDNS (RFC 6891 section 7)."""
    return query[: _ADDITIONAL_COUNT.start] + b"\0\0" + question_of(query)
