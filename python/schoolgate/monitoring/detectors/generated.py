"""Names made by a program: malware that looks for its master asks for many random names until one exists.

The single random labels by which browsers test a network are no domains and never come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schoolgate._core import LogRow, registrable_domain
from schoolgate.alerts.findings import MOST_NAMES, Finding
from schoolgate.monitoring.bounded_states import BoundedStates
from schoolgate.monitoring.random_labels import looks_generated
from schoolgate.monitoring.rows import NXDOMAIN
from schoolgate.policy.monitoring import Generated

MOST_CLIENTS = 20_000
# Domains remembered of a client; twice any sensible threshold.
MOST_DOMAINS = 500


@dataclass(slots=True)
class _Missing:
    """domain -> second it was asked for."""

    domains: dict[str, int] = field(default_factory=dict)
    told_s: int = 0


class GeneratedNames:
    """A burst of random domains that do not exist, by one client."""

    name = "generated-names"

    def __init__(self, settings: Generated) -> None:
        self._settings = settings
        self._window_s = settings.window_minutes * 60
        self._clients: BoundedStates[_Missing] = BoundedStates(_Missing, MOST_CLIENTS)

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            # A denied name is NXDOMAIN by policy; that it does not exist is only known of those that were asked for.
            if row.rcode != NXDOMAIN or row.is_denied:
                continue
            domain = registrable_domain(row.qname)
            if domain is None or not self._is_random(domain):
                continue
            missing = self._clients.of(row.client)
            missing.domains = {one: at for one, at in missing.domains.items() if row.time_s - at < self._window_s}
            if len(missing.domains) < MOST_DOMAINS:
                missing.domains.setdefault(domain, row.time_s)
            if len(missing.domains) >= self._settings.least_names and row.time_s - missing.told_s >= self._window_s:
                missing.told_s = row.time_s
                yield self._finding(missing, row)

    def _is_random(self, domain: str) -> bool:
        label = domain.partition(".")[0]
        return looks_generated(label, self._settings.least_length, self._settings.least_entropy_bits)

    def _finding(self, missing: _Missing, row: LogRow) -> Finding:
        count, minutes = len(missing.domains), self._settings.window_minutes
        return Finding(
            self.name, "warning", row.segment, row.client, row.time_us, self._window_s,
            f"One device asked for {count} random names that do not exist within {minutes} minutes, as harmful software"
            " does when it looks for its master. Have the device checked.",
            evidence={"domains": count, "window_minutes": minutes}, names=tuple(missing.domains)[-MOST_NAMES:],
        )  # fmt: skip

    def look(self, now_s: int) -> Iterator[Finding]:
        for key, missing in self._clients.items():
            if all(now_s - at >= self._window_s for at in missing.domains.values()):
                self._clients.drop(key)
        return iter(())

    def saved(self) -> Any:
        return self._clients.saved()

    def load(self, saved: Any) -> None:
        self._clients.load(saved)
