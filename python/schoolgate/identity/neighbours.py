"""The neighbour table of the kernel: which hardware address answered for an address just now (ARP, RFC 826; RFC 4861).

It knows only devices in networks that this machine is in, and any device there can claim an address of another: it is
worth less than a lease, and where the two disagree neither counts.
"""

from __future__ import annotations

from typing import Any

import orjson

from schoolgate.identity.binding import Claim, Confidence, client_address
from schoolgate.identity.device_key import mac_key
from schoolgate.identity.lease_lines import LeasesRead

# What the kernel has an answer for. FAILED and INCOMPLETE have none; NOARP and PERMANENT were set, not answered.
_ANSWERED = frozenset({"REACHABLE", "STALE", "DELAY", "PROBE"})
# A neighbour that is seen no more is believed for five to ten minutes. Whole steps: else each reading is news.
_STEP_US = 300 * 1_000_000


def read_neighbours(octets: bytes, source: str, now_us: int) -> LeasesRead:
    """What `ip -j neigh show` printed. Raises `ValueError` where it is no list in JSON."""
    entries = orjson.loads(octets or b"[]")
    if not isinstance(entries, list):
        raise ValueError("not a list of neighbours")
    read = LeasesRead()
    until_us = now_us - now_us % _STEP_US + 2 * _STEP_US
    for entry in entries:
        if not isinstance(entry, dict):
            read.odd += 1
        elif _is_answered(entry):
            read.take(_claim(entry, source, until_us))
    return read


def _is_answered(entry: dict[str, Any]) -> bool:
    """Whether it may be a client: it answered, is no router, and not of a link of its own (fe80::)."""
    states = entry.get("state")
    is_known = isinstance(states, list) and any(one in _ANSWERED for one in states if isinstance(one, str))
    return is_known and "router" not in entry and not str(entry.get("dst", "")).lower().startswith("fe80:")


def _claim(entry: dict[str, Any], source: str, until_us: int) -> Claim | None:
    address, device = client_address(str(entry.get("dst", ""))), mac_key(str(entry.get("lladdr", "")))
    if address is None or device is None:
        return None
    return Claim(address, device, source, Confidence.seen, None, until_us)
