"""The openings of lessons in a policy text: an entry of the segment with a beginning and an end, and its removal.

What is written is what a person would write, so that comments, order and layout stay. Lessons that are over are removed
by the next such change of their segment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tomlkit

from schoolgate.policy.text_rows import append_row
from schoolgate.policy.times import parse_moment


@dataclass(frozen=True)
class LessonWanted:
    """`number`: of the notice. Moments with an offset from UTC."""

    number: int
    lesson: str
    segments: tuple[str, ...]
    names: tuple[str, ...]
    by: str
    approved_by: str
    begins: dt.datetime
    ends: dt.datetime


def opened(text: str, wanted: LessonWanted, now: dt.datetime) -> str:
    """The text with a lesson's sites open for its segments and its time."""
    document = tomlkit.parse(text)
    for name in wanted.segments:
        segment: Any = document["segments"][name]
        _remove(segment, lambda one: parse_moment(one["until"]) <= now)
        row = {
            "names": list(wanted.names),
            "lesson": wanted.lesson,
            "number": wanted.number,
            "by": wanted.by,
            "approved_by": wanted.approved_by,
            "from": wanted.begins,
            "until": wanted.ends,
        }
        append_row(segment, "lessons", row)
    return tomlkit.dumps(document)


def closed(text: str, numbers: frozenset[int]) -> str:
    """The text without the openings of these notices; the same text where there is none."""
    document = tomlkit.parse(text)
    gone = [_remove(segment, lambda one: one["number"] in numbers) for segment in document.get("segments", {}).values()]
    return tomlkit.dumps(document) if any(gone) else text


def _remove(segment: Any, is_gone: Callable[[Any], bool]) -> bool:
    rows = segment.get("lessons", ())
    found = [index for index, one in enumerate(rows) if is_gone(one)]
    for at in reversed(found):
        del rows[at]
    if "lessons" in segment and not rows:
        del segment["lessons"]
    return bool(found)
