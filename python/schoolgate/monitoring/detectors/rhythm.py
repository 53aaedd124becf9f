"""The queries of a segment in an hour against its usual rhythm: the same weekday and hour of the weeks before.

Fewer than usual may be a trip or a holiday; it may also be a segment that has found another resolver. Fewer *blocked*
ones at the usual total mean that the filter does less: a list is missing, or a policy was opened.

Hours that we did not see whole say nothing: they are neither compared nor learnt from. On days on which the school's
calendar has no pupils a silent segment is no finding, and a holiday teaches nothing about a week of lessons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from schoolgate._core import LogRow
from schoolgate.alerts.findings import Finding
from schoolgate.monitoring.bounded_states import BoundedStates
from schoolgate.monitoring.rows import US
from schoolgate.policy.monitoring import Rhythm
from schoolgate.policy.school_calendar import SchoolCalendar

HOUR_S = 3600
# Segments times hours that are still open; rows come in order but for seconds.
MOST_OPEN = 2_000
# Segments times 168 hours of the week: 100 segments.
MOST_HOURS = 16_800
WEEKS_KEPT = 8
# The log is written within seconds; rows of an hour that come later are not of this hour's account.
GRACE_S = 120
# We look every few seconds while we run; a longer pause is a time that was not watched.
LONGEST_PAUSE_S = 600


@dataclass(slots=True)
class _Usual:
    """What the last weeks had in this hour of the week, oldest first."""

    total: list[int] = field(default_factory=list)
    blocked: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Hour:
    total: int = 0
    blocked: int = 0


class SegmentRhythm:
    """Closes an hour when the log has been read past it, compares, then remembers it."""

    name = "rhythm"

    def __init__(
        self, settings: Rhythm, zone: ZoneInfo, calendar: Callable[[], SchoolCalendar] = SchoolCalendar
    ) -> None:
        self._settings = settings
        self._zone = zone
        self._calendar = calendar
        self._open: BoundedStates[_Hour] = BoundedStates(_Hour, MOST_OPEN)
        self._usual: BoundedStates[_Usual] = BoundedStates(_Usual, MOST_HOURS)
        self._closed = 0  # the newest hour that is closed, as its first second
        self._whole_from = 0  # hours before were not seen from their beginning
        self._looked_s = 0
        self._watched_from = 0  # since then we have looked without a pause
        self._reported: dict[str, str] = {}  # "severity segment" -> day on the school's wall on which it was reported

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            hour = row.time_s - row.time_s % HOUR_S
            if self._whole_from == 0:
                self._whole_from = hour + HOUR_S
            if hour <= self._closed or hour < self._whole_from:
                continue
            count = self._open.of(f"{hour} {row.segment}")
            count.total += 1
            count.blocked += row.is_denied
        return iter(())

    def look(self, now_s: int) -> Iterator[Finding]:
        first_open = (now_s - GRACE_S) - (now_s - GRACE_S) % HOUR_S
        if now_s - self._looked_s > LONGEST_PAUSE_S:
            self._watched_from = now_s
        self._looked_s = now_s
        if self._whole_from == 0 or first_open - HOUR_S <= self._closed:
            return
        start = max(self._closed + HOUR_S, self._whole_from)
        # After more than a week off the weeks before are too old to be compared with.
        for hour in range(max(start, first_open - 7 * 24 * HOUR_S), first_open, HOUR_S):
            # No client asked anything at all: the school is silent only if we watched it being silent.
            was_seen = hour >= self._watched_from or any(key.startswith(f"{hour} ") for key, _ in self._open.items())
            if was_seen:
                yield from self._close(hour)
        self._closed = first_open - HOUR_S

    def missed_before(self, time_s: int) -> None:
        """Rows before were passed over; the hour of this moment is not whole either."""
        self._whole_from = max(self._whole_from, time_s - time_s % HOUR_S + HOUR_S)
        for key, _ in self._open.items():
            if int(key.partition(" ")[0]) < self._whole_from:
                self._open.drop(key)

    def _close(self, hour: int) -> Iterator[Finding]:
        segments = {key.partition(" ")[2] for key, _ in self._usual.items()} | {
            key.partition(" ")[2] for key, _ in self._open.items()
        }
        day, calendar = dt.datetime.fromtimestamp(hour, self._zone).date(), self._calendar()
        is_closed, is_usual = calendar.is_closed(day), calendar.is_usual(day)
        dropped = []
        for segment in sorted(segments):
            count = self._open.of(f"{hour} {segment}")
            usual = self._usual.of(f"{self._slot(hour)} {segment}")
            finding = self._compare(hour, segment, count, usual)
            if finding is not None and not (is_closed and finding.severity == "notice"):
                dropped.append(finding)
            if count.total and is_usual:  # an hour without anything teaches nothing about a lesson's hour
                usual.total = [*usual.total, count.total][-WEEKS_KEPT:]
                usual.blocked = [*usual.blocked, count.blocked][-WEEKS_KEPT:]
            self._open.drop(f"{hour} {segment}")
        yield from self._together([one for one in dropped if self._is_news(one, hour)], hour)

    def _is_news(self, finding: Finding, hour: int) -> bool:
        """A drop that goes on is reported once a day."""
        today = dt.datetime.fromtimestamp(hour, self._zone).date().isoformat()
        key = f"{finding.severity} {finding.segment}"
        is_news = self._reported.get(key) != today
        self._reported = {one: day for one, day in self._reported.items() if day == today} | {key: today}
        return is_news

    def _slot(self, hour: int) -> str:
        """Weekday and hour on the school's wall: lessons follow the clock, in winter and in summer."""
        wall = dt.datetime.fromtimestamp(hour, self._zone)
        return f"{wall.weekday()}-{wall.hour}"

    def _compare(self, hour: int, segment: str, count: _Hour, usual: _Usual) -> Finding | None:
        settings = self._settings
        if len(usual.total) < settings.least_weeks:
            return None
        total, blocked = median(usual.total), median(usual.blocked)
        evidence = {"total": count.total, "usual_total": total, "blocked": count.blocked, "usual_blocked": blocked}
        at_us = (hour + HOUR_S) * US
        if total >= settings.least_total and count.total < total * settings.total_share:
            sentence = (
                f"The network {segment or 'without a name'} asked {count.total} questions in an hour in which it"
                f" usually asks about {total:.0f}. A holiday or a trip; or its devices use another resolver."
            )
            return Finding(self.name, "notice", segment, "", at_us, HOUR_S, sentence, evidence=evidence)
        is_less_blocked = blocked >= settings.least_blocked and count.blocked < blocked * settings.blocked_share
        if is_less_blocked and count.total >= total * settings.total_share * 2:
            sentence = (
                f"In the network {segment or 'without a name'} {count.blocked} questions were blocked in an hour in"
                f" which usually about {blocked:.0f} are, although it asked as ever. Check its policy and"
                " lists: `schoolgate status`."
            )
            return Finding(self.name, "warning", segment, "", at_us, HOUR_S, sentence, evidence=evidence)
        return None

    def _together(self, dropped: list[Finding], hour: int) -> Iterator[Finding]:
        """When several segments ask less at once, it is one thing and reported once."""
        less = [one for one in dropped if one.severity == "notice"]
        yield from (one for one in dropped if one.severity != "notice")
        if len(less) < 2:
            yield from less
            return
        sentence = (
            f"{len(less)} networks asked far less than usual in the same hour. A holiday; or the school's devices use"
            " another resolver, or do not reach this one."
        )
        evidence = {one.segment: int(one.evidence["total"]) for one in less[:20]}
        yield Finding(self.name, "notice", "", "", (hour + HOUR_S) * US, HOUR_S, sentence, evidence=evidence)

    def saved(self) -> Any:
        return {
            "closed": self._closed,
            "whole_from": self._whole_from,
            "open": self._open.saved(),
            "usual": self._usual.saved(),
            "looked_s": self._looked_s,
            "watched_from": self._watched_from,
            "told": self._reported,
        }

    def load(self, saved: Any) -> None:
        self._closed, self._whole_from = int(saved["closed"]), int(saved["whole_from"])
        self._open.load(saved["open"])
        self._usual.load(saved["usual"])
        self._looked_s, self._watched_from = int(saved.get("looked_s", 0)), int(saved.get("watched_from", 0))
        self._reported = dict(saved.get("told", {}))
