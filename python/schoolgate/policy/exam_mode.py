"""Exam mode in a policy text: an entry with an end for each segment, and a stricter policy where the school has none.

What is written is what a person would write, so that comments, order and layout stay. An entry without effect any more
is removed by the next such change of its segment.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit

from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.policy.check import CheckedPolicy
from schoolgate.policy.model import EXAM_PREFIX
from schoolgate.policy.text_rows import append_row
from schoolgate.policy.times import parse_moment

LONGEST_ID: Final = 63


class ExamModeUnclear(SchoolgateError):
    """The arguments do not say for whom exam mode is, or until when."""


@dataclass(frozen=True)
class ExamsWanted:
    """`policy`: None for the shipped one, which is the segment's own with more closed."""

    segments: tuple[str, ...]
    begins: dt.datetime
    ends: dt.datetime
    reason: str
    by: str
    policy: str | None = None


def closed_in_exams(lists_dir: Path) -> tuple[str, ...]:
    """The categories that the shipped exam mode closes."""
    raw = tomllib.loads((lists_dir / "exam-mode.toml").read_text(encoding="utf-8"))
    return tuple(str(one) for one in raw["deny"])


def begun(text: str, checked: CheckedPolicy, wanted: ExamsWanted, closes: Iterable[str], now: dt.datetime) -> str:
    """The text with exam mode. Raises `ExamModeUnclear`."""
    known, document = checked.document, tomlkit.parse(text)
    _refuse_unknown(wanted.segments, known.segments)
    if wanted.policy is not None and wanted.policy not in known.policies:
        raise ExamModeUnclear(f"there is no policy {wanted.policy}; {did_you_mean(wanted.policy, known.policies)}")
    for name in wanted.segments:
        segment = known.segments[name]
        for one in segment.exams:
            if one.from_ < wanted.ends and wanted.begins < one.until:
                said = f"{one.from_:%Y-%m-%d %H:%M} to {one.until:%Y-%m-%d %H:%M} UTC"
                raise ExamModeUnclear(f"segment {name} has exam mode already, {said}; end that first")
        policy = wanted.policy or _shipped(document, segment.policy, closes)
        _removed(document, name, lambda one: parse_moment(one["until"]) <= now)
        row = {"policy": policy, "reason": wanted.reason, "by": wanted.by, "from": wanted.begins, "until": wanted.ends}
        append_row(_table(document, name), "exams", row)
    return tomlkit.dumps(document)


def ended(
    text: str, checked: CheckedPolicy, segments: tuple[str, ...], now: dt.datetime
) -> tuple[str, tuple[str, ...]]:
    """The text without exam mode of these segments, or of all; and the segments that had it. Raises
    `ExamModeUnclear`."""
    known, document = checked.document.segments, tomlkit.parse(text)
    _refuse_unknown(segments, known)
    having = tuple(name for name in segments or known if any(one.until > now for one in known[name].exams))
    if not having:
        raise ExamModeUnclear("no exam mode is on or planned there")
    for name in having:
        _removed(document, name, lambda one: True)
    return tomlkit.dumps(document), having


def _refuse_unknown(segments: Iterable[str], known: Mapping[str, Any]) -> None:
    for one in segments:
        if one not in known:
            raise ExamModeUnclear(f"there is no segment {one}; {did_you_mean(one, known)}")


def _shipped(document: Any, usual: str, closes: Iterable[str]) -> str:
    """The policy of exams beside a segment's own; written where the school has none of this name."""
    name = (EXAM_PREFIX + usual)[:LONGEST_ID].rstrip("-")
    policies = document["policies"]
    if name not in policies:
        made = tomlkit.table()
        made.add("extends", usual)
        categories = tomlkit.table()
        for one in closes:
            categories.add(one, "deny")
        made.add("categories", categories)
        policies[name] = made
    return name


def _table(document: Any, segment: str) -> Any:
    return document["segments"][segment]


def _removed(document: Any, segment: str, is_gone: Any) -> None:
    table = _table(document, segment)
    rows = table.get("exams", ())
    for at in reversed([index for index, one in enumerate(rows) if is_gone(one)]):
        del rows[at]
    if "exams" in table and not rows:
        del table["exams"]
