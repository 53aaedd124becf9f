"""The log of the last days decided again: by what is active, and by a draft of policy or lists, through `decide`.

What is compared are the policies that both would have at one moment; schedules are not followed through the days. A
rename of a segment is a segment that is gone and one that is new: both are left out and named.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schoolgate._core import PolicyTable, Snapshot, decide_names, explain
from schoolgate.querylog import QueryLog, SegmentName
from schoolgate.replay.changes import ChangedName, ReplayChange, SegmentReplay

# Names of one replay: a large school asks for about so many in a month. Those with most rows are taken.
MOST_NAMES = 500_000
_DENIED = 1
_TYPE_A = 1
# An address that no client has (RFC 4193), put into one segment to have its decision explained.
_CLIENT, _ASKED = "fd5c:6761:7465:2::1", "fd5c:6761:7465:2::53"


@dataclass(frozen=True)
class Side:
    """One of two things to compare. `description` is what its policy was compiled to."""

    snapshot: Snapshot
    description: bytes

    def segments(self) -> frozenset[str]:
        """The ids of its segments."""
        return frozenset(one["id"] for one in orjson.loads(self.description)["segments"])


@dataclass(frozen=True)
class Replay:
    """A replay. `names_left_out`: beyond the bound; `segments_left_out`: not in both policies."""

    since: dt.datetime
    segments: tuple[SegmentReplay, ...]
    names_left_out: int
    segments_left_out: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether anything closes or opens."""
        return any(one.closed.names or one.opened.names for one in self.segments)


def replay(
    log: QueryLog, before: Side, after: Side, since: dt.datetime, *, most: int = 20, most_names: int = MOST_NAMES
) -> Replay:
    """Decides what was asked for since `since` again; `most` names of each kind are named. Raises `LogProblem`."""
    asked = log.names_by_segment(since, most=most_names)
    problems = log.problems
    by_segment: dict[str, list[SegmentName]] = defaultdict(list)
    for one in asked.names:
        by_segment[one.segment].append(one)
    in_both = before.segments() & after.segments() | {""}
    decided = {
        segment: _changed(before, after, segment, names)
        for segment, names in sorted(by_segment.items())
        if segment in in_both
    }
    devices = [
        log.devices_asking({segment: [one.name for one in pair[which]] for segment, pair in decided.items()}, since)
        for which in (0, 1)
    ]
    segments = tuple(
        SegmentReplay(
            segment,
            len(by_segment[segment]),
            sum(one.rows for one in by_segment[segment]),
            _change(after, segment, closed, devices[0].get(segment, 0), most),
            _change(before, segment, opened, devices[1].get(segment, 0), most),
        )
        for segment, (closed, opened) in decided.items()
    )
    left_out = tuple(sorted(by_segment.keys() - in_both))
    return Replay(since, segments, asked.all_names - len(asked.names), left_out, problems)


def _changed(
    before: Side, after: Side, segment: str, names: Sequence[SegmentName]
) -> tuple[list[SegmentName], list[SegmentName]]:
    """(closed, opened), most rows first."""
    question = [(segment, [one.name for one in names])]
    (was,), (now,) = (
        decide_names(side.snapshot, PolicyTable.compile(side.description), question) for side in (before, after)
    )
    pairs = [(one, old == _DENIED, new == _DENIED) for one, old, new in zip(names, was, now, strict=True)]
    return [one for one, old, new in pairs if new and not old], [one for one, old, new in pairs if old and not new]


def _change(denying: Side, segment: str, names: Sequence[SegmentName], devices: int, most: int) -> ReplayChange:
    first = tuple(_explained(denying, segment, names[:most]))
    return ReplayChange(len(names), sum(one.rows for one in names), devices, first)


def _explained(denying: Side, segment: str, names: Sequence[SegmentName]) -> list[ChangedName]:
    """The names with what denies them."""
    if not names:
        return []
    table = PolicyTable.compile(_with_one_client(denying.description, segment))
    found: list[ChangedName] = []
    for one in names:
        told = orjson.loads(explain(denying.snapshot, table, one.name, _TYPE_A, _CLIENT, _ASKED, 53))
        decision = told["decision"]
        reason = (decision["layer"], decision["category"], decision["feed"], decision["rule"])
        found.append(ChangedName(one.name, one.rows, one.devices, *reason))
    return found


def _with_one_client(description: bytes, segment: str) -> bytes:
    """The description with a client of ours in the segment, or in none."""
    document: dict[str, Any] = orjson.loads(description)
    doors = {"prefixes": [f"{_CLIENT}/128"], "asked": []}
    document["segments"] = [one | doors for one in document["segments"] if one["id"] == segment]
    return orjson.dumps({**document, "allowed_clients": ["::/0"]})
