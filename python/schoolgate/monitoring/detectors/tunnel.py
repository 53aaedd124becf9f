"""Data carried inside names: many long random labels below one domain, or many questions of types that carry free data.

No list of content networks and virus scanners is needed. Their labels are shorter; and where they are not (scanners
look up hashes), every device of the school does the same, while a tunnel has one user or two. So a window is judged
when it ends.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schoolgate._core import LogRow, registrable_domain
from schoolgate.alerts.findings import Finding
from schoolgate.monitoring.bounded_states import BoundedStates
from schoolgate.monitoring.random_labels import entropy_bits
from schoolgate.monitoring.rows import NULL, TXT
from schoolgate.policy.monitoring import Tunnel

# Clients times domains of one window. Page loads make some hundred a minute and client; the oldest go first.
MOST_PAIRS = 50_000
# Different names counted below one domain (4 octets each); the largest threshold that is needed.
MOST_NAMES_COUNTED = 4_000
# So many names of the kind make a client a user of the domain: a scanner on a quiet device.
LEAST_ALIKE = 10
# Below, a client's names under one domain are not worth their place in the saved state.
LEAST_SAVED = LEAST_ALIKE
PRIVATE_TYPE = 65_399  # what some tunnels call their own
DATA_TYPES = frozenset((NULL, TXT, PRIVATE_TYPE))


@dataclass(slots=True)
class _Carried:
    """What went through one domain for one client in this window."""

    segment: str = ""
    names: dict[str, int] = field(default_factory=dict)
    octets: int = 0
    entropy: float = 0.0
    data_types: int = 0
    last_us: int = 0


class Tunnels:
    """Judges each window at its end."""

    name = "tunnel"

    def __init__(self, settings: Tunnel) -> None:
        self._settings = settings
        self._window_s = settings.window_minutes * 60
        self._window = 0
        self._pairs: BoundedStates[_Carried] = BoundedStates(_Carried, MOST_PAIRS)

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            if row.is_denied:  # nothing was carried
                continue
            window = row.time_s // self._window_s
            if window > self._window:
                yield from self._judge()
                self._window = window
            domain = registrable_domain(row.qname)
            if domain is None or domain == row.qname:
                continue
            self._count(self._pairs.of(f"{row.client} {domain}"), row, row.qname[: -len(domain) - 1])

    def _count(self, carried: _Carried, row: LogRow, below: str) -> None:
        carried.segment, carried.last_us = row.segment, row.time_us
        mark = str(zlib.crc32(below.encode()))
        if mark in carried.names or len(carried.names) >= MOST_NAMES_COUNTED:
            return
        carried.names[mark] = 1
        carried.octets += len(below)
        carried.entropy += entropy_bits(below.replace(".", ""))
        carried.data_types += row.qtype in DATA_TYPES

    def _judge(self) -> Iterator[Finding]:
        """The window is over. A domain that many clients use alike, be it little, is a product."""
        users: Counter[str] = Counter()
        found: dict[str, list[tuple[str, _Carried]]] = defaultdict(list)
        for key, carried in self._pairs.items():
            self._pairs.drop(key)
            client, _, domain = key.partition(" ")
            users[domain] += self._carries(carried, LEAST_ALIKE, LEAST_ALIKE)
            if self._carries(carried, self._settings.least_names, self._settings.least_data_types):
                found[domain].append((client, carried))
        for domain, suspects in found.items():
            if users[domain] <= self._settings.most_clients:
                yield from (self._finding(domain, client, carried) for client, carried in suspects)

    def _carries(self, carried: _Carried, least_names: int, least_data_types: int) -> bool:
        count, settings = len(carried.names), self._settings
        if carried.data_types >= least_data_types:
            return True
        return (
            count >= least_names
            and carried.octets >= count * settings.least_octets
            and carried.entropy >= count * settings.least_entropy_bits
        )

    def _finding(self, domain: str, client: str, carried: _Carried) -> Finding:
        count = len(carried.names)
        return Finding(
            self.name, "warning", carried.segment, client, carried.last_us, self._window_s,
            f"One device asked for {count} long random names below one domain within {self._settings.window_minutes}"
            " minutes, as a tunnel through DNS does.",
            evidence={
                "names": count,
                "mean_octets": round(carried.octets / count, 1),
                "mean_entropy_bits": round(carried.entropy / count, 2),
                "txt_and_null": carried.data_types,
            },
            names=(domain,),
        )  # fmt: skip

    def look(self, now_s: int) -> Iterator[Finding]:
        if now_s // self._window_s > self._window:
            yield from self._judge()
            self._window = now_s // self._window_s

    def saved(self) -> Any:
        """Without the many pairs that a page or two made: what they had counted so far changes no judgement."""
        pairs = [pair for pair in self._pairs.saved() if len(pair[1].names) >= LEAST_SAVED]
        return {"window": self._window, "pairs": pairs}

    def load(self, saved: Any) -> None:
        self._window = int(saved["window"])
        self._pairs.load(saved["pairs"])
