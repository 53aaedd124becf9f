"""Which domains this school has ever asked for: a scalable bloom filter in a file, and what came since it was written.

It may say "seen" of one domain in a thousand that was not; never the other way round. It holds no names that could
be read out.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from pybloom_live import ScalableBloomFilter

FIRST_CAPACITY = 100_000
ERROR_RATE = 0.001
# Some 4 MiB. A school meets fewer; an attacker's random domains fill it no further: then all counts as seen, and
# nothing is reported until an operator removes the file.
MOST_DOMAINS = 2_000_000
# Domains since the filter was last written, kept by name beside it; more makes it be written.
MOST_SINCE_SAVED = 20_000
LARGEST_FILE_OCTETS = 64 * 1024 * 1024


class SeenDomains:
    """`add` says whether a domain was there already."""

    def __init__(self) -> None:
        self._filter = _empty()
        self._since: list[str] = []

    def add(self, domain: str) -> bool:
        if domain in self._filter or len(self._filter) >= MOST_DOMAINS:
            return True
        self._filter.add(domain)
        if len(self._since) < MOST_SINCE_SAVED:
            self._since.append(domain)
        return False

    def __len__(self) -> int:
        return len(self._filter)

    def since_saved(self) -> list[str]:
        return list(self._since)

    @property
    def wants_saving(self) -> bool:
        return len(self._since) >= MOST_SINCE_SAVED // 2

    def image(self) -> tuple[bytes, int]:
        """The filter as octets, and how many of `since_saved` it covers: `forget` those once it is on the disk."""
        held = io.BytesIO()
        self._filter.tofile(held)
        body = held.getvalue()
        return hashlib.sha256(body).digest() + body, len(self._since)

    def forget(self, count: int) -> None:
        self._since = self._since[count:]

    def load(self, path: Path) -> bool:
        """Whether the file was there and whole. One that is not counts as none: the school learns again."""
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE_OCTETS + 1)
        except OSError:
            return False
        # The library takes any octets for a filter, and would have seen everything, or nothing.
        body = content[32:]
        if len(content) > LARGEST_FILE_OCTETS or hashlib.sha256(body).digest() != content[:32]:
            return False
        self._filter = ScalableBloomFilter.fromfile(io.BytesIO(body))
        return True


def _empty() -> ScalableBloomFilter:
    return ScalableBloomFilter(FIRST_CAPACITY, ERROR_RATE, mode=ScalableBloomFilter.SMALL_SET_GROWTH)
