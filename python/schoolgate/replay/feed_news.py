"""What news of feeds would close of what was asked for lately: shown, and weighed by feed, before it is published."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable

from schoolgate._core import Snapshot
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_book import FEED_PREFIX
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.lists.update import Weighed
from schoolgate.policy.active_policy import active_or_first, compile_active_policy, read_ground, read_policy
from schoolgate.querylog import QueryLog
from schoolgate.replay.changes import SegmentReplay
from schoolgate.replay.replaying import Replay, Side, replay

# A week has a school's whole timetable in it.
DAYS = 7
# Names whose feed is looked for: those with most rows are nearly all rows.
_MOST_EXPLAINED = 2000
# Names in a sentence.
_NAMED = 5


def weigher(settings: Settings, config_file: str, now: dt.datetime) -> Callable[[Snapshot], Weighed]:
    """For one update. What cannot be compared (no lists yet, no log) is said and stops nothing."""

    def weigh(candidate: Snapshot) -> Weighed:
        try:
            number, text, file = active_or_first(settings)
            ground = read_ground(settings, config_file)
            active = compile_active_policy(read_policy(text, file, ground), ground, number, now)
            current = SnapshotStore(settings.server.state_dir).open_best().snapshot
            before, after = (Side(one, active.compiled.description) for one in (current, candidate))
            with QueryLog(settings.server.state_dir) as log:
                found = replay(log, before, after, now - dt.timedelta(days=DAYS), most=_MOST_EXPLAINED)
        except SchoolgateError as error:
            return Weighed({}, (f"what the new lists would close cannot be said: {str(error).splitlines()[0]}",))
        return Weighed(_by_feed(found), tuple(_sentences(found)))

    return weigh


def _by_feed(found: Replay) -> dict[str, tuple[int, float]]:
    """For each feed the rows that it newly closes, and their share of the segment that loses most by it."""
    worst: dict[str, tuple[int, float]] = {}
    for segment in found.segments:
        rows: dict[str, int] = defaultdict(int)
        for one in segment.closed.first:
            if one.feed is not None and one.feed.startswith(FEED_PREFIX):
                rows[one.feed.removeprefix(FEED_PREFIX)] += one.rows
        for feed, count in rows.items():
            worst[feed] = max(worst.get(feed, (0, 0.0)), (count, count / segment.rows), key=lambda pair: pair[1])
    return worst


def _sentences(found: Replay) -> list[str]:
    said: list[str] = []
    for one in found.segments:
        for word, change in (("close", one.closed), ("open", one.opened)):
            if change.names:
                first = ", ".join(f"{name.name} ({name.feed or name.rule})" for name in change.first[:_NAMED])
                said.append(
                    f"for {_segment(one)} the new lists {word} {change.names} names of the last {DAYS} days"
                    f" ({change.rows} of {one.rows} rows, {change.devices} devices): {first}"
                )
    return said


def _segment(one: SegmentReplay) -> str:
    return one.segment or "clients in no network"
