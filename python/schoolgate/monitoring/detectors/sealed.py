"""A client asked for a name on a sealed illegal-content list. Always urgent, and never with the name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from schoolgate._core import LogRow
from schoolgate.alerts.findings import Finding


class SealedAttempts:
    """Each sealed denial is a finding; the rule's window makes one alert of many."""

    name = "sealed"

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            if row.is_sealed:
                yield Finding(
                    self.name, "urgent", row.segment, row.client, row.time_us, 0,
                    "A device asked for a name on a sealed list of illegal content."
                    " It was not answered, and the name is not kept.",
                )  # fmt: skip

    def look(self, now_s: int) -> Iterator[Finding]:
        return iter(())

    def saved(self) -> Any:
        return None

    def load(self, saved: Any) -> None:
        return
