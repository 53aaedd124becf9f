"""Whether exam mode only tightens: its policy opens nothing that a policy of the segment closes, until its end.

What a policy says changes when an exception or a temporary deny ends. So the policies are compared at the beginning,
and at each such end while exam mode is on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schoolgate._core import Snapshot
from schoolgate.checks.deciding import Judge
from schoolgate.checks.strictest import Comparison, differences
from schoolgate.config import Settings
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.config.problems import path_of
from schoolgate.lists.services import read_services
from schoolgate.policy.active_policy import ActivePolicy, Ground, compile_active_policy
from schoolgate.policy.inheritance import effective
from schoolgate.policy.model import Document, ExamMode

# Each is a whole comparison; a school has a few exceptions that end in a season of exams.
MOST_INSTANTS: Final = 40
MOST_SAID: Final = 20


@dataclass(frozen=True)
class _Mode:
    path: str
    segment: str
    exam: ExamMode
    usual: frozenset[str]


def loosening_exams(
    settings: Settings, ground: Ground, active: ActivePolicy, snapshot: Snapshot, now: dt.datetime
) -> Iterator[Diagnostic]:
    """Each difference once; all of them are refused."""
    document = active.as_read.document
    modes = [
        _Mode(path_of(("segments", name, "exams", index)), name, exam, segment.usual_policies)
        for name, segment in document.segments.items()
        for index, exam in enumerate(segment.exams)
        if exam.until > now
    ]
    if not modes:
        return
    services = {one.id: one for one in read_services(settings.lists.dir / "services")}
    said: set[tuple[str, str]] = set()
    for instant, of_then in _by_instant(active, modes, now):
        then = compile_active_policy(active.as_read, ground, 1, instant)
        judge = Judge(then.compiled.description, snapshot, None)
        for mode in of_then:
            compared = Comparison(then, judge, ground.catalogue, services, mode.exam.policy)
            for other in sorted(mode.usual - {mode.exam.policy}):
                for kind, subject, clause, _ in differences(compared, other):
                    if (mode.path, f"{kind} {subject}") in said or len(said) >= MOST_SAID:
                        continue
                    said.add((mode.path, f"{kind} {subject}"))
                    sentence = (
                        f"exam mode of {mode.segment} would loosen: {clause} under {other}, and not under"
                        f" {mode.exam.policy}"
                    )
                    remedy = f'let {mode.exam.policy} say extends = "{other}", and only close more'
                    yield Diagnostic("exam-mode-loosens", "refused", mode.path, sentence, remedy)
    yield from _too_many(active, modes, now)


def _by_instant(
    active: ActivePolicy, modes: list[_Mode], now: dt.datetime
) -> Iterator[tuple[dt.datetime, list[_Mode]]]:
    found: dict[dt.datetime, list[_Mode]] = {}
    for mode in modes:
        for instant in _instants(active, mode, now)[:MOST_INSTANTS]:
            found.setdefault(instant, []).append(mode)
    yield from sorted(found.items(), key=lambda one: one[0])


def _instants(active: ActivePolicy, mode: _Mode, now: dt.datetime) -> list[dt.datetime]:
    """Its beginning, and each end of an exception or a temporary deny of its policies while it is on."""
    document: Document = active.as_read.document
    begin = max(now, mode.exam.from_)
    found = {begin}
    for policy in {mode.exam.policy, *mode.usual}:
        ends = effective(document, active.as_read.lineages[policy], now).ends
        found |= {one for one in ends if begin < one < mode.exam.until}
    return sorted(found)


def _too_many(active: ActivePolicy, modes: list[_Mode], now: dt.datetime) -> Iterator[Diagnostic]:
    for mode in modes:
        count = len(_instants(active, mode, now))
        if count > MOST_INSTANTS:
            sentence = f"{count} exceptions and temporary denies end while exam mode of {mode.segment} is on"
            remedy = f"end some of them; {MOST_INSTANTS} can be looked at"
            yield Diagnostic("exam-mode-loosens", "refused", mode.path, sentence, remedy)
