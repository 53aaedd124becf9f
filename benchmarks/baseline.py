"""The matcher as one would write it in Python: what the Rust one is measured against, and what it must agree with.

Nothing here is part of the product. It is kept plain, so that a reader can see that it is right.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from benchmarks.names import suffixes

FALSE_POSITIVES = 0.001


class SuffixSet:
    """Listed names in a set; a name is denied if it or a name above it is there."""

    def __init__(self, listed: Iterable[str]) -> None:
        self._listed = frozenset(listed)

    def covers(self, name: str) -> bool:
        """Whether the name is listed, or lies below a listed one."""
        return any(suffix in self._listed for suffix in suffixes(name))

    def size_octets(self) -> int:
        """Memory, the strings included."""
        return sys.getsizeof(self._listed) + sum(map(sys.getsizeof, self._listed))


class FilteredSuffixSet(SuffixSet):
    """The same behind pybloom-live's filter. Raises `ImportError` where that is not installed."""

    def __init__(self, listed: Iterable[str]) -> None:
        from pybloom_live import BloomFilter

        super().__init__(listed)
        self._filter = BloomFilter(max(len(self._listed), 1), FALSE_POSITIVES)
        for name in self._listed:
            self._filter.add(name)

    def covers(self, name: str) -> bool:
        return any(suffix in self._filter and suffix in self._listed for suffix in suffixes(name))
