"""Segments and their week: which networks, which policy now, why that one, and when another comes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies.policy_in_force import PolicyInForce, policy_in_force
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy.model import Interval, Segment
from schoolgate.policy.schedule import next_boundary, policy_at
from schoolgate.policy.times import DateRange

_WEEK = dt.timedelta(days=7)
# A day has no more lessons; a schedule with more is a mistake, and its table would have no end.
MOST_SLOTS = 500


class NoSuchSegment(SchoolgateError):
    """The policy has no segment of this name."""


@dataclass(frozen=True)
class SegmentShown:
    """`networks` of clients; none: all that may ask. `doors`: addresses of ours that make a client one of this segment.
    `policy_now` comes from `origin`: the segment itself, its schedule or exam mode until `until` (ISO 8601, UTC; None:
    for good). `log`: what the query log keeps. `queries_per_s`: the most of one client."""

    id: str
    networks: tuple[str, ...]
    doors: tuple[str, ...]
    policy: str
    policy_now: str
    origin: Literal["segment", "schedule", "exam"]
    until: str | None
    log: str
    ech: str
    queries_per_s: int


@dataclass(frozen=True)
class SegmentsShown:
    """`allowed`: networks that may ask. `strictest`: the policy of clients that are in no segment."""

    revision: int
    allowed: tuple[str, ...]
    strictest: str
    segments: tuple[SegmentShown, ...]


@dataclass(frozen=True)
class IntervalShown:
    """A line of a schedule as it is written. `begins`, `ends`: HH:MM; `ends` at or before `begins` is the next day.
    `during`: on days of a term or of holidays alone."""

    policy: str
    days: tuple[str, ...]
    begins: str
    ends: str
    only: tuple[str, ...]
    excepted: tuple[str, ...]
    during: str | None


@dataclass(frozen=True)
class Slot:
    """A stretch of the week with one policy. Times are ISO 8601 with the school's offset."""

    begins: str
    ends: str
    policy: str


@dataclass(frozen=True)
class ScheduleShown:
    """`next_change`: ISO 8601 with the school's offset, when `next_policy` comes; None: never. `week`: from Monday to
    Sunday, only of a segment that was asked for."""

    segment: str
    policy: str
    policy_now: str
    next_change: str | None
    next_policy: str | None
    intervals: tuple[IntervalShown, ...]
    week: tuple[Slot, ...]


@dataclass(frozen=True)
class SchedulesShown:
    """`now`: on the school's clock."""

    revision: int
    time_zone: str
    now: str
    schedules: tuple[ScheduleShown, ...]


@looks("segments.list")
def list_segments(work: Work) -> SegmentsShown:
    """Every segment with its networks and the policy in force."""
    found = policy_in_force(work)
    segments = tuple(_segment(work, found, name, one) for name, one in found.document.segments.items())
    allowed = tuple(map(str, found.document.allowed_clients))
    return SegmentsShown(found.number, allowed, found.document.strictest, segments)


@looks("schedules.show")
def schedules(work: Work, segment: str | None = None, day: dt.date | None = None) -> SchedulesShown:
    """The schedules of all segments, or of one with its week. `day`: of another week than this one.

    Raises `NoSuchSegment`.
    """
    found = policy_in_force(work)
    segments = found.document.segments
    if segment is not None and segment not in segments:
        raise NoSuchSegment(f"there is no network {segment}; {did_you_mean(segment, segments)}")
    wanted = segments if segment is None else {segment: segments[segment]}
    shown = (_schedule(work, found, name, one, day if segment else None, segment) for name, one in wanted.items())
    now = work.now.astimezone(found.zone)
    return SchedulesShown(found.number, found.document.time_zone, now.isoformat(), tuple(shown))


def _segment(work: Work, found: PolicyInForce, name: str, one: Segment) -> SegmentShown:
    now = policy_at(one, work.now, found.zone, found.calendar)
    edge = next_boundary(one, work.now, found.zone, found.calendar)
    return SegmentShown(
        id=name,
        networks=tuple(map(str, one.prefixes)),
        doors=tuple(map(str, one.asked)),
        policy=one.policy,
        policy_now=now,
        origin=_origin(work, one, now),
        until=edge.isoformat() if edge is not None else None,
        log=one.log,
        ech=one.ech,
        queries_per_s=one.rate_limit.qps,
    )


def _origin(work: Work, one: Segment, policy: str) -> Literal["segment", "schedule", "exam"]:
    if one.exam_mode(work.now) is not None:
        return "exam"
    return "segment" if policy == one.policy else "schedule"


def _schedule(
    work: Work, found: PolicyInForce, name: str, one: Segment, day: dt.date | None, asked_for: str | None
) -> ScheduleShown:
    edge = next_boundary(one, work.now, found.zone, found.calendar)
    week = _week(found, one, day or work.now.astimezone(found.zone).date()) if asked_for is not None else ()
    return ScheduleShown(
        segment=name,
        policy=one.policy,
        policy_now=policy_at(one, work.now, found.zone, found.calendar),
        next_change=edge.astimezone(found.zone).isoformat() if edge is not None else None,
        next_policy=policy_at(one, edge, found.zone, found.calendar) if edge is not None else None,
        intervals=tuple(map(_interval, one.schedule)),
        week=week,
    )


def _week(found: PolicyInForce, one: Segment, day: dt.date) -> tuple[Slot, ...]:
    zone = found.zone
    monday = day - dt.timedelta(days=day.weekday())
    begin, end = (dt.datetime.combine(at, dt.time(), zone).astimezone(dt.UTC) for at in (monday, monday + _WEEK))
    slots: list[Slot] = []
    while begin < end and len(slots) < MOST_SLOTS:
        edge = next_boundary(one, begin, zone, found.calendar)
        until = end if edge is None or edge > end else edge
        here, there = begin.astimezone(zone).isoformat(), until.astimezone(zone).isoformat()
        slots.append(Slot(here, there, policy_at(one, begin, zone, found.calendar)))
        begin = until
    return tuple(slots)


def _interval(one: Interval) -> IntervalShown:
    dates = one.dates
    return IntervalShown(
        one.policy, tuple(one.days), f"{one.from_:%H:%M}", f"{one.to:%H:%M}", tuple(map(_dates, dates.only or ())),
        tuple(map(_dates, dates.except_)), one.during,
    )  # fmt: skip


def _dates(one: DateRange) -> str:
    """As it is written in a policy."""
    return f"{one.first}" if one.first == one.last else f"{one.first}..{one.last}"
