"""What a policy would do, said before it is in force: for `check`, `policy apply` and `policy rollback`.

Nothing is asked and nothing is changed; the engine decides by the lists of now, or by the shipped ones before the first
start.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schoolgate._core import Snapshot
from schoolgate.checks.deciding import Judge
from schoolgate.checks.exam_tightening import loosening_exams
from schoolgate.checks.needed import Needed, needed_names
from schoolgate.checks.own_rules import rules_without_effect, wide_rules
from schoolgate.checks.reachability import Check, Closed
from schoolgate.checks.strictest import Comparison, looser
from schoolgate.config import Problem, Settings
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.lists.build import compile_apart
from schoolgate.lists.inputs import list_inputs
from schoolgate.lists.services import read_services
from schoolgate.lists.snapshots import NoUsableSnapshot, SnapshotStore
from schoolgate.policy import PolicyRefused, Revision
from schoolgate.policy.active_policy import ActivePolicy, Ground, compile_active_policy, label, read_policy
from schoolgate.policy.speaking_rules import mute_rules

# Names that one check says would close; a rule that closes more has been said with these.
_SHOWN = 20
# The id of a rule of alerts that can never speak.
MUTE = "mute-rule"


def lists_to_decide_by(settings: Settings) -> Snapshot:
    """The lists in force, or the shipped ones where none were built yet. Raises `SchoolgateError`."""
    try:
        return SnapshotStore(settings.server.state_dir).open_best().snapshot
    except NoUsableSnapshot:
        with tempfile.TemporaryDirectory(prefix="schoolgate-draft-") as work:
            out = Path(work) / "snapshot"
            compile_apart(list_inputs(settings, Path(work), {}), out, 1)
            return Snapshot.open(str(out))


@dataclass(frozen=True)
class Draft:
    """A policy that was read and compiled, and everything to know of it before it is in force, refusals first."""

    active: ActivePolicy
    found: tuple[Diagnostic, ...]

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What does not stand in the way, in the form of other warnings of a policy."""
        said = (_problem(self.active.as_read.file, one) for one in self.found if one.severity != "refused")
        return (*self.active.compiled.warnings, *said)

    @property
    def mute(self) -> tuple[Problem, ...]:
        """Rules of alerts that can never speak."""
        return tuple(_problem(self.active.as_read.file, one) for one in self.found if one.id == MUTE)

    def refuse(self, *, may_be_mute: bool = False) -> None:
        """Raises `PolicyRefused` with everything that stands in the way; `may_be_mute`: but no rule of alerts."""
        refuse_unfit(self.active.as_read.file, (one for one in self.found if not (may_be_mute and one.id == MUTE)))


def examine(
    settings: Settings, ground: Ground, text: str, file: str, now: dt.datetime, *, before: Revision | None
) -> Draft:
    """Reads a policy and decides by it. What `before`, the revision in force, closes already is not said again.
    Raises `SchoolgateError`, of which `PolicyRefused` for a text with mistakes; what stands in the way is in the
    draft."""
    active = compile_active_policy(read_policy(text, file, ground), ground, 1, now)
    snapshot = lists_to_decide_by(settings)
    judge = Judge(active.compiled.description, snapshot, None)
    needed = needed_names(settings)
    closed = _closed_by(before, snapshot, ground, needed, now)
    found = (
        *stands_in_the_way(settings, ground, active, snapshot, now),
        *_mute_rules(settings, ground, active),
        *rules_without_effect(active.as_read.document, judge, now),
        *_would_close(ground, judge, needed, closed),
    )
    return Draft(active, tuple(sorted(found, key=lambda one: one.severity != "refused")))


def stands_in_the_way(
    settings: Settings, ground: Ground, active: ActivePolicy, snapshot: Snapshot, now: dt.datetime
) -> tuple[Diagnostic, ...]:
    """The checks that may refuse a policy; some of what they find are warnings."""
    services = {one.id: one for one in read_services(settings.lists.dir / "services")}
    judge = Judge(active.compiled.description, snapshot, None)
    return (
        *looser(Comparison(active, judge, ground.catalogue, services)),
        *wide_rules(active.as_read.document, needed_names(settings), now),
        *loosening_exams(settings, ground, active, snapshot, now),
    )


def _mute_rules(settings: Settings, ground: Ground, active: ActivePolicy) -> Iterator[Diagnostic]:
    """Not among what a first start refuses: a server with such a rule answers DNS."""
    for one in mute_rules(active.as_read, ground.catalogue, settings):
        yield Diagnostic(MUTE, "refused", one.path, one.message, one.remedy)


def refuse_unfit(file: str, found: Iterable[Diagnostic]) -> None:
    """Raises `PolicyRefused` with what is to be refused of `found`."""
    problems = [_problem(file, one) for one in found if one.severity == "refused"]
    if problems:
        raise PolicyRefused(problems)


def _problem(file: str, one: Diagnostic) -> Problem:
    path = "strictest" if one.id.startswith("strictest-") else one.subject
    return Problem(file, path, one.sentence, one.remedy)


def _closed_by(
    before: Revision | None, snapshot: Snapshot, ground: Ground, needed: Sequence[Needed], now: dt.datetime
) -> frozenset[tuple[str, str]]:
    """Name and policy of what is closed already."""
    if before is None:
        return frozenset()
    try:
        active = compile_active_policy(read_policy(before.text, label(before), ground), ground, before.number, now)
    except PolicyRefused:  # of an earlier version, or of other lists
        return frozenset()
    closed = _closed(ground, Judge(active.compiled.description, snapshot, None), needed)
    return frozenset((one.name, one.policy) for one in closed)


def _closed(ground: Ground, judge: Judge, needed: Sequence[Needed]) -> tuple[Closed, ...]:
    check = Check(judge, needed, {one.id: one.role for one in ground.catalogue.categories.values()})
    check.decide()
    # What is guarded from lists is not promised to an allow list.
    return tuple(one for one in (*check.over_blocked, *check.on_purpose) if one.layer != "unknown")


def _would_close(
    ground: Ground, judge: Judge, needed: Sequence[Needed], before: frozenset[tuple[str, str]]
) -> Iterator[Diagnostic]:
    """Names of the reachability check, each with the policies that close it and by what."""
    policies: dict[tuple[str, str, str], list[str]] = {}
    for one in _closed(ground, judge, needed):
        if (one.name, one.policy) not in before and not one.policy.endswith("allow list only"):
            policies.setdefault((one.name, one.kind, one.by or one.layer), []).append(one.policy)
    for (name, kind, by), under in list(policies.items())[:_SHOWN]:
        sentence = f"{name} ({kind}), which must be open, would close under {', '.join(under)} by {by}"
        yield Diagnostic(
            "needed-name-closes", "warning", name, sentence, "leave it out of that rule unless it is meant"
        )
    more = len(policies) - _SHOWN
    if more > 0:
        sentence = f"{more} more names that must be open would close"
        yield Diagnostic("needed-name-closes", "warning", "", sentence, "schoolgate check reachability has them all")
