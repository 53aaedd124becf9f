"""Exam mode: a stricter policy for named segments until a time, on record; the approvers get a mail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from schoolgate.accounts.roles import Role
from schoolgate.operations.governance.notice_mails import mail_roles
from schoolgate.operations.policies.policies import PolicyApplied, applied, change_text, examined, ground_of
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.policies.quick_policy import NotClear, end_of
from schoolgate.operations.registry import Personal, changes, looks
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import Ground, active_or_first, latest_revision, policy_files, read_policy
from schoolgate.policy.exam_mode import ExamsWanted, begun, closed_in_exams, ended
from schoolgate.policy.model import ExamMode

APPROVERS = frozenset({Role.safeguarding_lead, Role.head, Role.trust_director})


@dataclass(frozen=True)
class ExamShown:
    """Exam mode of one segment. `begins`, `ends`: ISO 8601 with the school's offset. `state`: on now, or planned."""

    segment: str
    policy: str
    begins: str
    ends: str
    reason: str
    by: str
    state: Literal["on", "planned"]


@dataclass(frozen=True)
class ExamsShown:
    """Those that end first come first. `segments`: those that there are; `closes`: what the shipped mode closes."""

    revision: int
    time_zone: str
    exams: tuple[ExamShown, ...]
    segments: tuple[str, ...]
    policies: tuple[str, ...]
    closes: tuple[str, ...]


@dataclass(frozen=True)
class ExamsChanged:
    """`ends`: ISO 8601 with the school's offset; None where exam mode was ended."""

    segments: tuple[str, ...]
    begins: str | None
    ends: str | None
    applied: PolicyApplied

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {**self.applied.about(), "segments": list(self.segments), "begins": self.begins, "ends": self.ends}


@looks("exam.show")
def show(work: Work) -> ExamsShown:
    """Exam mode that is on, and that is planned."""
    found = policy_in_force(work)
    exams = [
        _shown(work, found.zone, name, one)
        for name, segment in found.document.segments.items()
        for one in segment.exams
        if one.until > work.now
    ]
    return ExamsShown(
        found.number,
        found.document.time_zone,
        tuple(sorted(exams, key=lambda one: (one.ends, one.segment))),
        tuple(found.document.segments),
        tuple(found.document.policies),
        closed_in_exams(work.settings.lists.dir),
    )


@changes("exam.begin")
async def begin(
    work: Work, segments: tuple[str, ...], reason: Annotated[str, Personal], until: str | None = None,
    lasts: str | None = None, starts: str | None = None, policy: str | None = None,
) -> ExamsChanged:  # fmt: skip
    """Puts segments under a stricter policy until a time, when it ends by itself. It may only tighten.

    `until`, `starts`: 14:30 or ISO 8601, the school's time; `lasts`: 2h, 5d. `policy`: one of the school's; without it
    the segment's own with more closed. Raises `NotClear`, `ExamModeUnclear`, `PolicyRefused`.
    """
    done = await asyncio.to_thread(_begin, work, segments, reason.strip(), until, lasts, starts, policy)
    await _tell(work, done, f"Exam mode was set for {len(done.segments)} networks, from {done.begins} to {done.ends}.")
    return done


@changes("exam.end")
async def end(work: Work, reason: Annotated[str, Personal], segments: tuple[str, ...] = ()) -> ExamsChanged:
    """Ends exam mode of segments, or of all, before its time; what is planned too. Raises `ExamModeUnclear`."""
    done = await asyncio.to_thread(_end, work, segments, reason.strip())
    await _tell(work, done, f"Exam mode of {len(done.segments)} networks was ended before its time.")
    return done


def _shown(work: Work, zone: ZoneInfo, segment: str, one: ExamMode) -> ExamShown:
    begins, ends = (moment.astimezone(zone).isoformat() for moment in (one.from_, one.until))
    return ExamShown(segment, one.policy, begins, ends, one.reason, one.by, "on" if one.is_on(work.now) else "planned")


def _begin(
    work: Work, segments: tuple[str, ...], reason: str, until: str | None, lasts: str | None, starts: str | None,
    policy: str | None,
) -> ExamsChanged:  # fmt: skip
    if until is None and lasts is None:
        raise NotClear("say how long: --until 2026-06-18T12:00, or --for 3h; exam mode always has an end")
    if not reason:
        raise NotClear("give the reason, with --reason")
    wanted_segments = tuple(dict.fromkeys(one for one in segments if one))
    if not wanted_segments:
        raise NotClear("name the segments that sit the exams, with --segment")
    settings, ground = ground_of(work)
    follows = _latest(work)
    _, text, file = active_or_first(settings)
    checked = read_policy(text, file, ground)
    zone = ZoneInfo(checked.document.time_zone)
    begins = end_of(starts, None, work.now, zone) or work.now.astimezone(zone).replace(microsecond=0)
    ends = end_of(until, None, begins, zone) if lasts is None else end_of(until, lasts, begins, zone)
    if ends is None or ends <= begins:
        raise NotClear("exam mode has to end after it begins")
    wanted = ExamsWanted(wanted_segments, begins, ends, reason, work.actor.name, policy)
    after = begun(text, checked, wanted, closed_in_exams(settings.lists.dir), work.now)
    made = _applied(work, ground, after, f"exam mode: {reason}", follows)
    return ExamsChanged(wanted_segments, begins.isoformat(), ends.isoformat(), made)


def _end(work: Work, segments: tuple[str, ...], reason: str) -> ExamsChanged:
    if not reason:
        raise NotClear("give the reason, with --reason")
    settings, ground = ground_of(work)
    follows = _latest(work)
    _, text, file = active_or_first(settings)
    after, having = ended(text, read_policy(text, file, ground), segments, work.now)
    return ExamsChanged(having, None, None, _applied(work, ground, after, f"exam mode ended: {reason}", follows))


def _latest(work: Work) -> int:
    """The revision that the text is of; read before it, so that a change in between is noticed."""
    before = latest_revision(policy_files(work.settings).look())
    return before.number if before is not None else 0


def _applied(work: Work, ground: Ground, after: str, reason: str, follows: int) -> PolicyApplied:
    examined(work, ground, after, "the changed policy").refuse()
    return applied(work, change_text(work, ground, after, "the changed policy", reason, follows=follows))


async def _tell(work: Work, done: ExamsChanged, words: str) -> None:
    key = f"exam-mode-{done.applied.revision}"
    await mail_roles(work, APPROVERS, key, "Exam mode was changed", words)
