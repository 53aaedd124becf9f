"""Denied questions of our own checks: a report counts what devices asked, not these.

`schoolgate.checks.own_questions` writes them down: what one check had denied once, and when checks were made.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import orjson

Cell = tuple[str, str, str, str]


class OwnChecks:
    """Of one state directory; nothing where the file cannot be read."""

    def __init__(self, state_dir: Path) -> None:
        try:
            whole: dict[str, Any] = orjson.loads((state_dir / "checks" / "own-counts.json").read_bytes())
            self._profiles = [_profile(rows) for rows in whole["profiles"]]
            self._runs = [(dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC), int(of)) for at_us, of in whole["runs"]]
        except (OSError, ValueError, TypeError, KeyError, OverflowError):
            self._profiles, self._runs = [], []

    def cells(self, since: dt.datetime, until: dt.datetime) -> Counter[Cell]:
        """By segment, action, layer and category, as a rollup counts them."""
        found: Counter[Cell] = Counter()
        for (segment, _, layer, category, count), times in self._rows(since, until):
            found[segment, "deny", layer, category] += count * times
        return found

    def clients(self, since: dt.datetime, until: dt.datetime, segments: Collection[str] = ()) -> Counter[str]:
        """By client as the log has it. `segments`: only of these."""
        found: Counter[str] = Counter()
        for (segment, client, _, _, count), times in self._rows(since, until):
            if not segments or segment in segments:
                found[client] += count * times
        return found

    def hours(
        self, since: dt.datetime, until: dt.datetime, segments: Collection[str] = ()
    ) -> Counter[tuple[dt.datetime, str]]:
        """By hour and action. `segments`: only of these."""
        of = [sum(int(one[4]) for one in rows if not segments or one[0] in segments) for rows in self._profiles]
        found: Counter[tuple[dt.datetime, str]] = Counter()
        for at, profile in self._runs:
            if since <= at < until and profile < len(of):
                found[at.replace(minute=0, second=0, microsecond=0), "deny"] += of[profile]
        return found

    def _rows(self, since: dt.datetime, until: dt.datetime) -> Iterator[tuple[tuple[Any, ...], int]]:
        """What was denied, and in how many checks of a time."""
        times = Counter(profile for at, profile in self._runs if since <= at < until)
        for number, rows in enumerate(self._profiles):
            if times[number]:
                yield from ((row, times[number]) for row in rows)


def _profile(rows: Any) -> list[tuple[Any, ...]]:
    """What a check had denied. One that cannot be read takes nothing out, and no other with it."""
    try:
        return [(*map(str, one[:4]), int(one[4])) for one in rows]
    except (TypeError, ValueError, IndexError, KeyError):
        return []
