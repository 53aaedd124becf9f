"""What devices ask by themselves, taken away before anything is counted: it is no person's behaviour.

Advertising and counters in pages, A/AAAA/HTTPS of one name, prefetching, repeats of an unanswered question, lookups
with the school's search suffix, single labels, reverse lookups. Also taken away, for another reason: help lines and
what else is protected. No detector ever sees that a pupil looked for help.
"""

from __future__ import annotations

import fnmatch
from collections import OrderedDict
from typing import Literal

from schoolgate._core import LogRow
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.policy.monitoring import Noise

Kind = Literal["kept", "repeat", "noise"]
# 200 bytes each; a school of 5,000 devices asks for some 100,000 different names in ten seconds at the very most.
MOST_RECENT = 131_072
# Zones of a network's own: a suffix that devices append when they try short names (RFC 6762, RFC 8375, habit).
OWN_ENDS = frozenset(("local", "localdomain", "lan", "home", "internal", "intranet", "corp", "private", "arpa", "test"))


class Sieve:
    """`keeps(row)`: whether a person caused the row. Time is the rows' own."""

    def __init__(self, settings: Noise, known: CategoryFacts) -> None:
        self._settings = settings
        self._known = known
        self._recent: OrderedDict[tuple[str, str, bool], int] = OrderedDict()
        self._is_background: dict[str, bool] = {}
        self.removed = 0

    def keeps(self, row: LogRow) -> bool:
        """Whether detectors see it."""
        return self.kind(row) == "kept"

    def kind(self, row: LogRow) -> Kind:
        """`repeat`: another question within seconds for what was kept; it is counted where it was denied."""
        # A sealed name is withheld: two of them cannot be told apart, and neither may be lost.
        if row.is_sealed:
            return "kept"
        found: Kind = "noise" if self._is_noise(row) else "repeat" if self._is_repeat(row) else "kept"
        self.removed += found != "kept"
        return found

    def _is_noise(self, row: LogRow) -> bool:
        if row.layer in ("platform", "protected") or row.category in self._known.quiet:
            return True
        if row.is_counted_only or (row.category is not None and self._background(row.category)):
            return True
        return is_local_lookup(row)

    def _background(self, category: str) -> bool:
        found = self._is_background.get(category)
        if found is None:
            found = any(fnmatch.fnmatchcase(category, one) for one in self._settings.categories)
            self._is_background[category] = found
        return found

    def _is_repeat(self, row: LogRow) -> bool:
        """The same client and name within seconds, whatever the type. Each repeat counts from the first. What is denied
        is no repeat of what was allowed."""
        key = (row.client, row.qname, row.is_denied)
        before = self._recent.get(key)
        if before is not None and 0 <= row.time_s - before < self._settings.repeat_s:
            return True
        self._recent[key] = row.time_s
        self._recent.move_to_end(key)
        if len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)
        return False


def is_local_lookup(row: LogRow) -> bool:
    """Names that are the network's own affair: single labels, zones answered from here, suffixes of search lists."""
    end = row.qname.rpartition(".")[2]
    return "." not in row.qname or row.source == "local" or end in OWN_ENDS
