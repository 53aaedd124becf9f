"""A lesson's sites, opened for its networks and its time out of an agreed list: a revision of the policy."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.lesson_list import AGREED, LessonList
from schoolgate.governance.record_store import Record
from schoolgate.operations.policies.policies import StalePolicy, applied, change_text, examined, ground_of
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import active_or_first, latest_revision, policy_files
from schoolgate.policy.lesson_opening import LessonWanted, closed, opened

# Another change of the policy may come between reading and writing it: two teachers begin at the bell.
TRIES: Final = 5
CHANGED: Final = "the changed policy"


@dataclass(frozen=True)
class Made:
    """Revisions before and after; the same where nothing had to be written."""

    before: int
    after: int


def refuse_list(found: Record[LessonList], segments: tuple[str, ...], day: dt.date) -> None:
    """Raises `RecordRefused` where a lesson may not open a list."""
    fields = found.fields
    if found.state != AGREED:
        raise RecordRefused(f"list {found.number} is not agreed to; ask an approver, or announce the lesson without it")
    if not fields.is_open_on(day):
        raise RecordRefused(f"list {found.number} ended on {fields.until}; propose it anew")
    if not segments:
        raise RecordRefused(f"choose the networks of the lesson, of those of the list: {', '.join(fields.segments)}")
    for one in segments:
        if one not in fields.segments:
            raise RecordRefused(f"list {found.number} is not for network {one}; it is for {', '.join(fields.segments)}")


def open_sites(work: Work, wanted: LessonWanted) -> Made:
    """Writes the opening. Blocks. Raises what forbids it, and then nothing was opened."""
    for left in reversed(range(TRIES)):
        try:
            follows, text = _read(work)
            return _written(work, follows, opened(text, wanted, work.now), f"lesson {wanted.number}: {wanted.lesson}")
        except StalePolicy:
            if not left:
                raise
    raise AssertionError("unreachable")


def close_sites(work: Work, numbers: frozenset[int], reason: str) -> Made:
    """Takes the openings of these notices out. Blocks."""
    for left in reversed(range(TRIES)):
        try:
            follows, text = _read(work)
            after = closed(text, numbers)
            return Made(follows, follows) if after == text else _written(work, follows, after, reason)
        except StalePolicy:
            if not left:
                raise
    raise AssertionError("unreachable")


def refuse_unfit(work: Work, wanted: LessonWanted) -> None:
    """Raises what would forbid the opening, such as a name that is no site of its own. Blocks; writes nothing."""
    _, ground = ground_of(work)
    _, text = _read(work)
    examined(work, ground, opened(text, wanted, work.now), CHANGED).refuse()


def _read(work: Work) -> tuple[int, str]:
    before = latest_revision(policy_files(work.settings).look())
    return (before.number if before is not None else 0), active_or_first(work.settings)[1]


def _written(work: Work, follows: int, after: str, reason: str) -> Made:
    _, ground = ground_of(work)
    examined(work, ground, after, CHANGED).refuse()
    made = applied(work, change_text(work, ground, after, CHANGED, reason, follows=follows))
    return Made(follows, made.revision)
