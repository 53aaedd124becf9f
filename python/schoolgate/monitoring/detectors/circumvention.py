"""How hard one client looks for a way round the filter: points for each *different* name of a kind, within a window.

A program that repeats one question a thousand times scores once. The canaries of lists/special-names.toml (use-
application-dns.net, mask.icloud.com, ...) score nothing at all: every browser and phone asks them by default, before
a person has touched it, and asking is how they learn to stay with the school's DNS. Discovery at ourselves
(_dns.resolver.arpa, RFC 9462) is the same. Names that a segment may use (a VPN for staff) are not denied and not
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schoolgate._core import LogRow, registrable_domain
from schoolgate.alerts.findings import MOST_NAMES, Finding
from schoolgate.monitoring.bounded_states import BoundedStates
from schoolgate.monitoring.rows import SVCB
from schoolgate.policy.monitoring import Circumvention, Severity

MOST_CLIENTS = 20_000
# Different names remembered of a client; the urgent score is reached long before.
MOST_SIGNS = 100
ENCRYPTED_DNS = "circumvention-encrypted-dns"


@dataclass(slots=True)
class _Signs:
    """name -> (kind, points, second it was last seen); `told`: severity reported, and when; saved so."""

    signs: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    told: str = ""
    told_s: int = 0


class CircumventionScore:
    """Warning, then urgent, each once a window."""

    name = "circumvention"

    def __init__(self, settings: Circumvention) -> None:
        self._settings = settings
        self._window_s = settings.window_minutes * 60
        self._clients: BoundedStates[_Signs] = BoundedStates(_Signs, MOST_CLIENTS)

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            kind, points = self._sign(row)
            if points == 0:
                continue
            seen = self._clients.of(row.client)
            self._note(seen, row, kind, points)
            score = self._score(seen)
            severity = self._severity(score)
            if severity is not None and self._is_news(seen, severity, row.time_s):
                yield self._finding(seen, row, score, severity)

    def _sign(self, row: LogRow) -> tuple[str, int]:
        """What kind of sign a row is, and what it is worth."""
        settings = self._settings
        if row.qtype == SVCB and row.qname.startswith("_dns.") and not row.qname.endswith(".arpa"):
            return "discovery", settings.discovery
        if not row.is_denied:
            return "", 0
        match row.category:
            case "circumvention-vpn":
                return "vpn", settings.vpn
            case "circumvention-proxy":
                return "proxy", settings.proxy
            case "circumvention-tor":
                return "tor", settings.tor
            case "circumvention-encrypted-dns" if row.action == "deny-revealed":
                return "resolver address", settings.resolver_address
            case "circumvention-encrypted-dns":
                return "encrypted DNS", settings.encrypted_dns
        return "", 0

    def _note(self, seen: _Signs, row: LogRow, kind: str, points: int) -> None:
        oldest = row.time_s - self._window_s
        if any(sign[2] <= oldest for sign in seen.signs.values()):
            seen.signs = {name: sign for name, sign in seen.signs.items() if sign[2] > oldest}
        # One provider is one sign, under however many names: its program asks for ten of them in a second.
        name = registrable_domain(row.qname) or row.qname
        if name in seen.signs or len(seen.signs) < MOST_SIGNS:
            before = seen.signs.get(name)
            if before is not None and before[1] > points:  # the dearer sign says what the provider is
                kind, points = before[0], before[1]
            seen.signs[name] = (kind, points, row.time_s)

    def _score(self, seen: _Signs) -> int:
        by_itself = sum(points for kind, points, _ in seen.signs.values() if kind == "encrypted DNS")
        meant = sum(points for kind, points, _ in seen.signs.values() if kind != "encrypted DNS")
        return meant + min(by_itself, self._settings.encrypted_dns_most)

    def _severity(self, score: int) -> Severity | None:
        if score >= self._settings.urgent_points:
            return "urgent"
        return "warning" if score >= self._settings.warning_points else None

    def _is_news(self, seen: _Signs, severity: Severity, now_s: int) -> bool:
        is_news = now_s - seen.told_s >= self._window_s or (severity == "urgent" and seen.told != "urgent")
        if is_news:
            seen.told, seen.told_s = severity, now_s
        return is_news

    def _finding(self, seen: _Signs, row: LogRow, score: int, severity: Severity) -> Finding:
        counts: dict[str, int | float | str] = {"score": score}
        for kind, _, _ in seen.signs.values():
            counts[kind] = int(counts.get(kind, 0)) + 1
        dearest = sorted(seen.signs, key=lambda name: (-seen.signs[name][1], name))[:MOST_NAMES]
        return Finding(
            self.name, severity, row.segment, row.client, row.time_us, self._window_s,
            f"One device looks for ways round the filter: {len(seen.signs)} different names of VPNs, proxies, Tor or"
            f" other resolvers within {self._settings.window_minutes} minutes.",
            evidence=counts, names=tuple(dearest),
        )  # fmt: skip

    def look(self, now_s: int) -> Iterator[Finding]:
        for key, seen in self._clients.items():
            if all(now_s - sign[2] >= self._window_s for sign in seen.signs.values()):
                self._clients.drop(key)
        return iter(())

    def saved(self) -> Any:
        return self._clients.saved()

    def load(self, saved: Any) -> None:
        self._clients.load(saved)
