"""What a policy says, category by category with its origin, and what another text would change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from schoolgate.config import config_label
from schoolgate.config.problems import InputRefused, did_you_mean, path_of
from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies.policy_in_force import PolicyInForce, policy_in_force
from schoolgate.operations.registry import Bulk, StaffName, looks
from schoolgate.operations.work import Work
from schoolgate.policy import difference
from schoolgate.policy.active_policy import active_or_first, label, policy_files
from schoolgate.policy.listed import Category
from schoolgate.policy.locks import locks_on
from schoolgate.replay.changes import SegmentReplay
from schoolgate.storage import state_dir

# Revisions that are looked through for the reason of a rule.
MOST_REVISIONS = 200

Level = Literal["trust", "school", "own", "none"]


class NoSuchPolicy(SchoolgateError):
    """There is no policy of this name."""


@dataclass(frozen=True)
class RuleReason:
    """The revision that wrote a rule. `at`: ISO 8601, UTC."""

    revision: int
    at: str
    who: Annotated[str, StaffName]
    why: str


@dataclass(frozen=True)
class CategoryRule:
    """`value`: deny or allow; None: the policy says nothing. `origin`: the policy that says it; `level`: whether that
    is the root of the tree (trust), one between (school) or this one (own). `locked_by`: the policy that locks it, in
    which alone it can be changed. `reason`: only where it was asked for, and known."""

    category: str
    name: str
    role: str
    value: Literal["allow", "deny"] | None
    origin: str | None
    level: Level
    locked_by: str | None
    reason: RuleReason | None


@dataclass(frozen=True)
class PolicyRules:
    """One policy with all that it inherits; `lineage` from the root to itself. `unknown`: for names that no rule knows;
    `segments` that have it now or by schedule."""

    policy: str
    lineage: tuple[str, ...]
    unknown: Literal["allow", "deny"]
    segments: tuple[str, ...]
    categories: tuple[CategoryRule, ...]


@dataclass(frozen=True)
class PoliciesShown:
    """The policies of a revision."""

    revision: int
    policies: tuple[PolicyRules, ...]


@dataclass(frozen=True)
class FieldProblem:
    """A mistake in a text. `path`: such as policies.pupil.allow[0]."""

    path: str
    message: str
    remedy: str


@dataclass(frozen=True)
class PolicyCompared:
    """`lines`: what changes, in the words of the policy. With `problems` the new text cannot be applied, and has no
    lines. `old`, `new`: what was compared, in words."""

    old: str
    new: str
    lines: tuple[str, ...]
    problems: tuple[FieldProblem, ...]


@dataclass(frozen=True)
class Replayed:
    """`since`: ISO 8601, UTC. `names_left_out`: beyond the bound. `segments_left_out`: not in both policies."""

    since: str
    segments: tuple[SegmentReplay, ...]
    names_left_out: int
    segments_left_out: tuple[str, ...]
    problems: tuple[str, ...]


@looks("policy.categories")
def categories(
    work: Work, policy: str | None = None, shows_reasons: bool = False, is_all: bool = False
) -> PoliciesShown:
    """What a policy, or each, says of each category, with origin and lock.

    `is_all`: also those of which it says nothing. `shows_reasons` reads earlier revisions. Raises `NoSuchPolicy`.
    """
    from schoolgate.policy import load_catalogue

    found = policy_in_force(work)
    known = found.checked.lineages
    if policy is not None and policy not in known:
        raise NoSuchPolicy(f"there is no policy {policy}; {did_you_mean(policy, known)}")
    catalogue = load_catalogue(work.settings.lists.dir)
    reasons = _reasons(work) if shows_reasons else {}
    wanted = known if policy is None else (policy,)
    rules = []
    for one in wanted:
        said = _said(found, one)
        rows = (row for row in catalogue.categories.values() if is_all or row.id in said)
        rules.append(_rules(found, one, tuple(_rule(found, one, row, said.get(row.id), reasons) for row in rows)))
    return PoliciesShown(found.number, tuple(rules))


@looks("policy.compare")
def compare(
    work: Work, old: int | None = None, new: int | None = None, text: Annotated[str | None, Bulk] = None
) -> PolicyCompared:
    """What changes from one revision to another, or to a text; from the one in force without `old`.

    Raises `NoSuchRevision`.
    """
    state_dir.refuse_strangers(work.settings.server.state_dir)
    old_label, old_text = _revision(work, old)
    if text is None:
        new_label, new_text = _revision(work, new)
        return PolicyCompared(old_label, new_label, difference(old_text, new_text), ())
    problems = _problems(work, text)
    lines = () if problems else difference(old_text, text)
    return PolicyCompared(old_label, "the draft", lines, problems)


@looks("policy.replay")
def replay(
    work: Work,
    text: Annotated[str | None, Bulk] = None,
    serial: int | None = None,
    days: Annotated[int, Field(ge=1, le=366)] = 30,
    most: Annotated[int, Field(ge=0, le=100_000)] = 20,
    most_names: Annotated[int, Field(ge=1, le=500_000)] = 100_000,
    file: str = "the draft",
) -> Replayed:
    """What a draft, or other lists, would have closed and opened of what was asked in the last days, by segment.

    `serial`: of the lists that the new side decides by. `most_names`: of those with most rows. Raises `LogProblem`,
    `PolicyRefused`.
    """
    import datetime as dt

    from schoolgate._core import Snapshot
    from schoolgate.lists.snapshots import SnapshotStore
    from schoolgate.policy.active_policy import compile_active_policy, read_ground, read_policy
    from schoolgate.querylog import QueryLog
    from schoolgate.replay.replaying import Side
    from schoolgate.replay.replaying import replay as decide_again

    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    ground = read_ground(work.settings, config_label(work.config))
    number, in_force, name = active_or_first(work.settings)

    def compiled(text: str, file: str) -> bytes:
        return compile_active_policy(read_policy(text, file, ground), ground, number, work.now).compiled.description

    active = compiled(in_force, name)
    new = active if text is None else compiled(text, file)
    store = SnapshotStore(folder)
    current = store.open_best().snapshot
    lists = current if serial is None else Snapshot.open(str(store.path(serial)))
    with QueryLog(folder) as log:
        since = work.now - dt.timedelta(days=days)
        found = decide_again(log, Side(current, active), Side(lists, new), since, most=most, most_names=most_names)
    return Replayed(
        found.since.isoformat(), found.segments, found.names_left_out, found.segments_left_out, found.problems
    )


def _rules(found: PolicyInForce, policy: str, rows: tuple[CategoryRule, ...]) -> PolicyRules:
    lineage = found.checked.lineages[policy]
    segments = found.document.segments.items()
    having = (name for name, one in segments if policy in one.every_policy)
    said = (found.document.policies[one].unknown for one in reversed(lineage))
    is_closed = locks_on(found.document, lineage).unknown is not None or next(filter(None, said), "allow") == "deny"
    return PolicyRules(policy, lineage, "deny" if is_closed else "allow", tuple(having), rows)


def _said(found: PolicyInForce, policy: str) -> dict[str, tuple[str, str | None]]:
    """By category: the policy of the lineage that speaks of it, and the one that locks it."""
    said: dict[str, tuple[str, str | None]] = {}
    lineage = found.checked.lineages[policy]
    for one in lineage:
        choices = found.document.policies[one].categories.items()
        said |= {category: (one, None) for category, choice in choices if choice != "inherit"}
    for one in reversed(lineage):  # the first to lock is the one that is named
        said |= dict.fromkeys(found.document.policies[one].locked.categories, (one, one))
    return said


def _rule(
    found: PolicyInForce, policy: str, row: Category, said: tuple[str, str | None] | None,
    reasons: dict[str, RuleReason],
) -> CategoryRule:  # fmt: skip
    if said is None:
        return CategoryRule(row.id, row.name, row.role, None, None, "none", None, None)
    origin, lock = said
    value = "deny" if lock is not None else found.document.policies[origin].categories[row.id]
    steps = ("locked", "categories", row.id) if lock is not None else ("categories", row.id)
    reason = reasons.get(path_of(("policies", origin, *steps))) if reasons else None
    root = found.checked.lineages[policy][0]
    level: Level = "own" if origin == policy else "trust" if origin == root else "school"
    shown: Literal["allow", "deny"] = "deny" if value == "deny" else "allow"
    return CategoryRule(row.id, row.name, row.role, shown, origin, level, lock, reason)


def _reasons(work: Work) -> dict[str, RuleReason]:
    """The newest revision that changed each path."""
    revisions = sorted(policy_files(work.settings).store.log(), key=lambda one: -one.number)[:MOST_REVISIONS]
    found: dict[str, RuleReason] = {}
    texts = [*(one.text for one in revisions), ""]
    for newer, older in zip(revisions, texts[1:], strict=True):
        reason = RuleReason(newer.number, newer.at.isoformat(), newer.who, newer.why)
        for line in difference(older, newer.text):
            found.setdefault(line.partition(": ")[0], reason)
    return found


def _revision(work: Work, number: int | None) -> tuple[str, str]:
    if number is None:
        found, text, _ = active_or_first(work.settings)
        return f"policy revision {found}", text
    revision = policy_files(work.settings).store.show(number)
    return label(revision), revision.text


def _problems(work: Work, text: str) -> tuple[FieldProblem, ...]:
    from schoolgate.policy.active_policy import read_ground, read_policy

    ground = read_ground(work.settings, config_label(work.config))

    def found() -> Iterator[FieldProblem]:
        try:
            read_policy(text, "the draft", ground)
        except InputRefused as error:
            for one in error.problems:
                yield FieldProblem(one.path, one.message, one.remedy)

    return tuple(found())
