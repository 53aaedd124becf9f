"""Attempts from one source: an IPv4 address or an IPv6 /64 may make 30 at once, and one more every ten seconds.

Kept in memory only: addresses are personal data, and the counts of accounts outlive a restart.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from schoolgate.accounts.account_settings import SECOND_US

CAPACITY = 30
REFILL_US = 10 * SECOND_US
# The least recently used source gives way; the limits of accounts stay.
MOST_SOURCES = 8192
UNREADABLE = "unreadable"


@dataclass
class _Bucket:
    tokens: float
    at_us: int


class SourceBuckets:
    """One bucket a source."""

    def __init__(self, capacity: int = CAPACITY, most_sources: int = MOST_SOURCES) -> None:
        self._capacity = capacity
        self._most_sources = most_sources
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, address: str, now_us: int) -> int:
        """Takes one attempt. Returns 0, or how long until there is one, in microseconds."""
        bucket = self._bucket(address, now_us)
        if bucket.tokens < 1:
            return int((1 - bucket.tokens) * REFILL_US) + 1
        bucket.tokens -= 1
        return 0

    def give_back(self, address: str, now_us: int) -> None:
        """An attempt that was right does not count."""
        bucket = self._bucket(address, now_us)
        bucket.tokens = min(self._capacity, bucket.tokens + 1)

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket(self, address: str, now_us: int) -> _Bucket:
        source = source_of(address)
        bucket = self._buckets.setdefault(source, _Bucket(self._capacity, now_us))
        self._buckets.move_to_end(source)
        if len(self._buckets) > self._most_sources:
            self._buckets.popitem(last=False)
        passed = max(0, now_us - bucket.at_us)
        bucket.tokens = min(self._capacity, bucket.tokens + passed / REFILL_US)
        bucket.at_us = now_us
        return bucket


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, also where it is mapped into IPv6, or an IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNREADABLE
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(parsed), 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
