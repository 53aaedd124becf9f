"""Types of records as people write them: A, https, TYPE65, 65."""

from __future__ import annotations

import re

from dnslib import QTYPE

from schoolgate.errors import SchoolgateError

_NUMBER = re.compile(r"(?:TYPE)?([0-9]{1,5})")  # RFC 3597 section 5


class NoSuchType(SchoolgateError):
    """No type of record has this name."""


def type_number(text: str) -> int:
    """The number of a record type."""
    name = text.strip().upper()
    found = _NUMBER.fullmatch(name)
    if found is not None and int(found[1]) < 65536:
        return int(found[1])
    known: dict[str, int] = QTYPE.reverse
    if name not in known:
        raise NoSuchType(f"there is no record type {text}; write A, AAAA, HTTPS, MX, ... or TYPE and a number")
    return known[name]


def type_name(number: int) -> str:
    """The name of a record type, TYPE and its number for one without a name."""
    known: dict[int, str] = QTYPE.forward
    return known.get(number, f"TYPE{number}")
