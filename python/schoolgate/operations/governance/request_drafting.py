"""What a change request would write into the policy, checked by the engine with the lists and sealed lists of now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from schoolgate.checks.deciding import Decided, Policy
from schoolgate.checks.deciding import Judge as EngineJudge
from schoolgate.config import config_label
from schoolgate.errors import SchoolgateError
from schoolgate.governance.change_request import SECOND, ChangeRequest
from schoolgate.governance.errors import RecordRefused
from schoolgate.operations.governance.request_results import NameNow, OtherHost, RequestEffect
from schoolgate.operations.policies.policy_views import replay
from schoolgate.operations.policies.quick_policy import judge_of, snapshot_of
from schoolgate.operations.work import Work
from schoolgate.policy import CheckedPolicy, PolicyRefused, difference
from schoolgate.policy.active_policy import (
    Ground,
    active_or_first,
    compile_active_policy,
    latest_revision,
    policy_files,
    read_ground,
    read_policy,
)
from schoolgate.policy.names import NameRule, parse_name_rule
from schoolgate.policy.quick_change import NoEffect, Scope, Wanted, changed, scope_of
from schoolgate.sealed import SealedStore
from schoolgate.storage import state_dir

# What opens a name for good: nothing has to be asked for. An exception opens it until its end only.
_LASTING = frozenset({"platform", "protected", "own-list", "category", "allow", "unknown", "threat", "circumvention"})
# The engine is asked for each name under each policy; more answers no person reads.
MOST_JUDGED = 60
MOST_OTHERS = 20
LONGEST_REASON = 900


@dataclass(frozen=True)
class Ready:
    """What a draft is made from: the policy as it is."""

    ground: Ground
    before: int
    text: str
    checked: CheckedPolicy


@dataclass(frozen=True)
class RequestDraft:
    """`after` is the whole policy with the change; `before`: the revision it was made from, 0 for none."""

    before: int
    text: str
    after: str
    scope: Scope


def ready(work: Work) -> Ready:
    """Reads the policy as it is."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    ground = read_ground(work.settings, config_label(work.config))
    latest = latest_revision(policy_files(work.settings).look())
    _, text, file = active_or_first(work.settings)
    return Ready(ground, latest.number if latest is not None else 0, text, read_policy(text, file, ground))


def rules_of(fields: ChangeRequest) -> tuple[NameRule, ...]:
    """The names as rules."""
    return tuple(map(parse_name_rule, fields.names))


def reason_of(number: int, fields: ChangeRequest) -> str:
    """How the policy and its revision say why: explain reads the number from it."""
    text = f"request {number}: {' '.join(fields.purpose.split())}"
    return text[:LONGEST_REASON]


def drafted(
    work: Work, fields: ChangeRequest, reason: str, approved_by: str, there: Ready | None = None
) -> RequestDraft:
    """One text with every name. Stores nothing. Raises `NoEffect` and `PolicyRefused` where something stands above it,
    `SegmentUnclear`."""
    there = there or ready(work)
    zone = there.checked.document.time_zone
    scope, text, checked = scope_of(there.checked, fields.segments), there.text, there.checked
    for rule in rules_of(fields):
        wanted = Wanted(rule, fields.action == "close", reason, approved_by, _moment(fields.until_us, zone))
        judge = judge_of(work.settings, there.ground, wanted, work.now)
        if _is_so_for_good(work, there, checked, scope, wanted):
            continue
        text = changed(text, "the changed policy", scope, wanted, work.now, judge)
        checked = read_policy(text, "the changed policy", there.ground)
    return RequestDraft(there.before, there.text, text, scope)


def refuse_needless(work: Work, fields: ChangeRequest, there: Ready) -> None:
    """Raises `RecordRefused` where every name is as it is wanted already, and stays so."""
    zone = there.checked.document.time_zone
    scope = scope_of(there.checked, fields.segments)
    for rule in rules_of(fields):
        wanted = Wanted(rule, fields.action == "close", "-", "-", _moment(fields.until_us, zone))
        if not _is_so_for_good(work, there, there.checked, scope, wanted):
            return
    state = "closed" if fields.action == "close" else "open"
    raise RecordRefused(f"{', '.join(fields.names)}: {state} already for those it is asked for; nothing to ask for")


def why_impossible(work: Work, fields: ChangeRequest, there: Ready) -> str:
    """What forbids it: a sealed list, a lock, what must stay open; "" where nothing does. Raises `SegmentUnclear`."""
    try:
        drafted(work, fields, "a request", "an approver", there)
    except (NoEffect, PolicyRefused) as error:
        return str(error)
    return ""


def effect_of(work: Work, fields: ChangeRequest) -> RequestEffect:
    """What it would open and close. What cannot be said is named; blocks for as long as the log takes."""
    try:
        there = ready(work)
        now = tuple(_names_now(work, there, fields))
        draft = drafted(work, fields, "a request", work.actor.name, there)
    except SchoolgateError as error:
        return RequestEffect((), (), 0, (), (), (), str(error), is_possible=False)
    others = tuple(_others(work, there, draft, fields))[:MOST_OTHERS]
    lines = difference(draft.text, draft.after)
    try:
        found = replay(work, draft.after)
    except (SchoolgateError, OSError) as error:
        return RequestEffect(lines, (), 0, (), now, others, str(error), is_possible=True)
    return RequestEffect(
        lines, found.segments, found.names_left_out, found.segments_left_out, now, others, None, is_possible=True
    )


def engine_of(work: Work, ground: Ground, checked: CheckedPolicy) -> EngineJudge:
    """The engine with all policies of a text."""
    description = compile_active_policy(checked, ground, 1, work.now).compiled.description
    sealed = SealedStore(work.settings.server.state_dir).open_all(work.settings)
    return EngineJudge(description, snapshot_of(work.settings), sealed.sealed if sealed is not None else None)


def _is_so_for_good(work: Work, there: Ready, checked: CheckedPolicy, scope: Scope, wanted: Wanted) -> bool:
    engine = engine_of(work, there.ground, checked)
    found = [engine.decide(Policy(one, False), wanted.rule.name) for one in scope.policies]
    if wanted.closes:
        # An end of its own says: close it also when what closes it now is gone.
        return wanted.until is None and all(not one.is_open and one.layer == "own-list" for one in found)
    return all(one.is_open and one.layer in _LASTING for one in found)


def _names_now(work: Work, there: Ready, fields: ChangeRequest) -> Iterator[NameNow]:
    engine = engine_of(work, there.ground, there.checked)
    asked = [
        (rule, policy) for rule in rules_of(fields) for policy in scope_of(there.checked, fields.segments).policies
    ]
    for rule, policy in asked[:MOST_JUDGED]:
        one: Decided = engine.decide(Policy(policy, False), rule.name)
        is_sealed = one.layer == "sealed"
        yield NameNow(
            str(rule), policy, one.is_open, one.layer, None if is_sealed else one.category,
            None if is_sealed else one.feed, None if is_sealed else one.rule,
        )  # fmt: skip


def _others(work: Work, there: Ready, draft: RequestDraft, fields: ChangeRequest) -> Iterator[OtherHost]:
    """Hosts of the same service that would stay closed, and names that a school needs."""
    from schoolgate.checks.needed import needed_names
    from schoolgate.lists.services import read_services

    rules = rules_of(fields)
    engine = engine_of(work, there.ground, read_policy(draft.after, "the changed policy", there.ground))
    for service in read_services(work.settings.lists.dir / "services"):
        if not any(rule.covers(name) or NameRule(name).covers(rule.name) for rule in rules for name in service.domains):
            continue
        for name in service.domains:
            is_asked = any(rule.covers(name) for rule in rules)
            if not is_asked and any(
                not engine.decide(Policy(one, False), name).is_open for one in draft.scope.policies
            ):
                yield OtherHost(name, f"of the service {service.name or service.id}, stays closed")
    for needed in needed_names(work.settings):
        if any(rule.covers(needed.name) for rule in rules):
            yield OtherHost(needed.name, f"needed by a school: {needed.kind}")


def _moment(at_us: int | None, zone: str) -> dt.datetime | None:
    from zoneinfo import ZoneInfo

    return None if at_us is None else dt.datetime.fromtimestamp(at_us // SECOND, ZoneInfo(zone))
