"""A client asked for a name on a sealed illegal-content list. Always urgent, and never with the name.

Questions of `schoolgate sealed selftest`, which announces each, are findings of their own kind: they are kept, and no
message is sent of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from schoolgate._core import LogRow
from schoolgate.alerts.findings import SELF_TEST, Finding
from schoolgate.sealed.selftest_rows import AnnouncedRow

# Announcements that a row was seen of; more than a self-test of the largest school makes.
MOST_SEEN = 50_000
SelfTests = Callable[[], Sequence[AnnouncedRow]]


def no_self_tests() -> Sequence[AnnouncedRow]:
    """Where no self-test was ever made."""
    return ()


class SealedAttempts:
    """Each sealed denial is a finding; the rule's window makes one alert of many."""

    name = "sealed"

    def __init__(self, self_tests: SelfTests = no_self_tests) -> None:
        self._self_tests = self_tests
        self._seen: dict[str, None] = {}

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            if row.is_sealed:
                yield self._of_self_test(row) if self._is_self_test(row) else self._attempt(row)

    def _is_self_test(self, row: LogRow) -> bool:
        """One announcement is one row: the next of the same client was asked by a person."""
        for one in self._self_tests():
            if one.id not in self._seen and one.fits(row.client, row.door, row.time_us):
                self._seen[one.id] = None
                while len(self._seen) > MOST_SEEN:
                    del self._seen[next(iter(self._seen))]
                return True
        return False

    def _attempt(self, row: LogRow) -> Finding:
        return Finding(
            self.name, "urgent", row.segment, row.client, row.time_us, 0,
            "A device asked for a name on a sealed list of illegal content."
            " It was not answered, and the name is not kept.",
            questions=1,
        )  # fmt: skip

    def _of_self_test(self, row: LogRow) -> Finding:
        return Finding(
            SELF_TEST, "notice", row.segment, row.client, row.time_us, 0,
            "The self-test of the sealed lists asked for its own name, as a client of this network would."
            " No device and no person did.",
        )  # fmt: skip

    def look(self, now_s: int) -> Iterator[Finding]:
        return iter(())

    def saved(self) -> Any:
        return list(self._seen)

    def load(self, saved: Any) -> None:
        self._seen = dict.fromkeys(map(str, saved or ()))
