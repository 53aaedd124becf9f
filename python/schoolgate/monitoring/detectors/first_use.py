"""What no client of the school had asked for before: a service, an AI tool, a domain.

In the learning time it only learns. Names of sealed lists and of help lines never come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from schoolgate._core import LogRow, registrable_domain
from schoolgate.alerts.findings import MOST_NAMES, Finding
from schoolgate.monitoring.category_facts import CategoryFacts, Service
from schoolgate.monitoring.rows import NXDOMAIN, US
from schoolgate.monitoring.seen_domains import SeenDomains
from schoolgate.policy.monitoring import FirstUse

DAY_S = 86400
# A school has met fewer services than there are in the lists; a damaged state must not grow.
MOST_SERVICES = 10_000


class FirstUses:
    """Services and AI tools one by one; domains together, once in a while."""

    name = "first-use"

    def __init__(self, settings: FirstUse, known: CategoryFacts) -> None:
        self._settings = settings
        self._known = known
        self._together_s = settings.together_minutes * 60
        self._services: dict[str, int] = {}
        self._began_s = 0
        self._new_count = 0
        self._new_names: list[str] = []
        self._told_s = 0
        self.seen = SeenDomains()

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            if row.is_sealed or row.client == "":
                continue
            self._began_s = self._began_s or row.time_s
            service = self._known.service_of(row.qname)
            if service is not None and self._is_first(service, row) and not self._is_learning(row.time_s):
                yield self._service_finding(service, row)
            self._note_domain(row)

    def _is_first(self, service: Service, row: LogRow) -> bool:
        if service.id in self._services or len(self._services) >= MOST_SERVICES:
            return False
        self._services[service.id] = row.time_s
        return True

    def _is_learning(self, now_s: int) -> bool:
        return now_s - self._began_s < self._settings.learning_days * DAY_S

    def _service_finding(self, service: Service, row: LogRow) -> Finding:
        what = "the AI tool" if service.is_ai else "the service"
        outcome = "It was blocked." if row.is_denied else "It was open."
        return Finding(
            self.name, "notice", row.segment, row.client, row.time_us, 0,
            f"A client used {what} {service.name} for the first time in this school. {outcome}",
            category=f"service:{service.id}", evidence={"blocked": int(row.is_denied)}, names=(row.qname,),
        )  # fmt: skip

    def _note_domain(self, row: LogRow) -> None:
        if row.rcode == NXDOMAIN and not row.is_denied:  # mistyped: no site was met
            return
        domain = registrable_domain(row.qname)
        if domain is None or self.seen.add(domain) or self._is_learning(row.time_s):
            return
        self._new_count += 1
        if len(self._new_names) < MOST_NAMES:
            self._new_names.append(domain)

    def look(self, now_s: int) -> Iterator[Finding]:
        if self._new_count == 0 or now_s - self._told_s < self._together_s:
            return
        count, names = self._new_count, tuple(self._new_names)
        self._new_count, self._new_names, self._told_s = 0, [], now_s
        what = "a domain that no client" if count == 1 else f"{count} domains that no client"
        yield Finding(
            self.name, "notice", "", "", now_s * US, self._together_s,
            f"The school's devices asked for {what} here had asked for before.",
            evidence={"domains": count}, names=names,
        )  # fmt: skip

    def learn_again(self) -> None:
        """What was seen is lost: everything would look new."""
        self._began_s = 0

    def saved(self) -> Any:
        return {
            "services": self._services,
            "began_s": self._began_s,
            "new_count": self._new_count,
            "new_names": self._new_names,
            "told_s": self._told_s,
            "since_filter": self.seen.since_saved(),
        }

    def load(self, saved: Any) -> None:
        self._services = {str(name): int(at) for name, at in list(saved["services"].items())[:MOST_SERVICES]}
        self._began_s, self._told_s = int(saved["began_s"]), int(saved["told_s"])
        self._new_count, self._new_names = int(saved["new_count"]), list(saved["new_names"])[:MOST_NAMES]
        for domain in saved["since_filter"]:
            self.seen.add(domain)
