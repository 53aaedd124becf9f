"""What would close and open, by segment: results that are read without the engine or the query log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChangedName:
    """A name whose decision changes; the reason is that of the denial, before or after."""

    name: str
    rows: int
    devices: int
    layer: str
    category: str | None
    feed: str | None
    rule: str | None


@dataclass(frozen=True)
class ReplayChange:
    """What closes, or opens, for one segment. All are counted, the first are named; `devices` are counted once each."""

    names: int
    rows: int
    devices: int
    first: tuple[ChangedName, ...]


@dataclass(frozen=True)
class SegmentReplay:
    """One segment; "" are clients in no segment. `names` and `rows` are what was decided again."""

    segment: str
    names: int
    rows: int
    closed: ReplayChange
    opened: ReplayChange
