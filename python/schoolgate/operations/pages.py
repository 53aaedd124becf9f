"""Long results, in pages: a reply of the operations socket holds 64 MiB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import orjson

# A page is cut long before the limit: its last part may be as large again.
MOST_OCTETS_A_PAGE = 16 * 1024 * 1024

T = TypeVar("T")


def first_page(found: Iterable[T], most: int | None = None) -> tuple[tuple[T, ...], bool]:
    """As many as fit, and whether there are more."""
    page: list[T] = []
    octets = 0
    for one in found:
        if page and (octets > MOST_OCTETS_A_PAGE or len(page) == most):
            return tuple(page), True
        octets += octets_of(one)
        page.append(one)
    return tuple(page), False


def octets_of(value: object) -> int:
    """What it takes in a reply."""
    return len(orjson.dumps(value, default=str))
