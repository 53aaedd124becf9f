"""`policy.block` and `policy.allow`: one name, one revision, the rest of the text as it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from schoolgate._core import Snapshot
from schoolgate.checks.deciding import Judge as EngineJudge
from schoolgate.checks.deciding import Policy
from schoolgate.checks.layers import LAYERS
from schoolgate.config import Settings
from schoolgate.config.problems import message_and_remedy
from schoolgate.errors import SchoolgateError
from schoolgate.lists.snapshots import NoUsableSnapshot, SnapshotStore
from schoolgate.operations.policies.policies import PolicyApplied, applied, change_text, examined, ground_of
from schoolgate.operations.registry import Personal, changes
from schoolgate.operations.work import Work
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import (
    Ground,
    active_or_first,
    compile_active_policy,
    latest_revision,
    policy_files,
    read_policy,
)
from schoolgate.policy.names import NameRule, parse_name_rule
from schoolgate.policy.quick_change import Judge, Scope, Wanted, changed, scope_of
from schoolgate.querylog.moments import last
from schoolgate.sealed import SealedStore


class NotClear(SchoolgateError):
    """The arguments do not say what is to change."""


@dataclass(frozen=True)
class QuickChange:
    """`applied` is None where the name was so already, under `policies`. `until`: ISO 8601 with the school's offset,
    whose name is `zone`.
    `strictest`: the policy of devices of no segment, where the change is also for them though segments were named."""

    rule: str
    policies: tuple[str, ...]
    applied: PolicyApplied | None
    until: str | None = None
    zone: str | None = None
    strictest: str | None = None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        made = self.applied.about() if self.applied is not None else {"revision": None}
        return {**made, "policies": list(self.policies), "until": self.until}


@changes("policy.block")
def block(
    work: Work,
    name: str,
    segments: tuple[str, ...] = (),
    until: str | None = None,
    lasts: str | None = None,
    reason: Annotated[str, Personal] = "",
) -> QuickChange:
    """Denies a name, for good or for a while. `until`: 14:30 or ISO 8601, the school's time; `lasts`: 30m, 2h, 7d."""
    rule = rule_of(name)
    return _change(work, rule, segments, until, lasts, reason.strip() or f"block {rule}", closes=True)


@changes("policy.allow")
def allow(
    work: Work,
    name: str,
    reason: Annotated[str, Personal],
    segments: tuple[str, ...] = (),
    until: str | None = None,
    lasts: str | None = None,
) -> QuickChange:
    """Opens a name until a time. Locked names stay closed."""
    refuse_endless(until, lasts)
    if not reason.strip():
        raise NotClear("give the reason, with --reason")
    return _change(work, rule_of(name), segments, until, lasts, reason.strip(), closes=False)


def refuse_endless(until: str | None, lasts: str | None) -> None:
    """Raises `NotClear` for an opening without an end."""
    if until is None and lasts is None:
        raise NotClear("say how long: --until 14:30, or --for 2h; to open it for good, edit the policy and apply it")


@dataclass(frozen=True)
class QuickDraft:
    """A quick change before it is stored. `before`: the revision it was made from, None for none. `after` is `text`
    where nothing has to be written; `is_so_already`: it is open as it is."""

    wanted: Wanted
    scope: Scope
    checked: CheckedPolicy
    before: int | None
    text: str
    after: str
    is_so_already: bool

    @property
    def is_for_unknown(self) -> bool:
        """Whether devices of no segment are under one of the policies."""
        document = self.checked.document
        return bool(set(self.scope.tops) & set(self.checked.lineages[document.strictest]))


def draft_of(
    work: Work, ground: Ground, rule: NameRule, segments: tuple[str, ...], until: str | None, lasts: str | None,
    reason: str, *, closes: bool,
) -> QuickDraft:  # fmt: skip
    """Stores nothing. Raises what `policy.block` and `policy.allow` raise."""
    settings = work.settings
    before = latest_revision(policy_files(settings).look())
    _, text, file = active_or_first(settings)
    checked = read_policy(text, file, ground)
    end = end_of(until, lasts, work.now, ZoneInfo(checked.document.time_zone))
    wanted = Wanted(rule, closes, reason, work.actor.name, end)
    scope = scope_of(checked, segments)
    judge = judge_of(settings, ground, wanted, work.now)
    number = before.number if before is not None else None
    if not closes and all(judge(checked, one) is None for one in scope.policies):
        return QuickDraft(wanted, scope, checked, number, text, text, True)
    after = changed(text, file, scope, wanted, work.now, judge)
    return QuickDraft(wanted, scope, checked, number, text, after, False)


def _change(
    work: Work, rule: NameRule, segments: tuple[str, ...], until: str | None, lasts: str | None, reason: str,
    *, closes: bool,
) -> QuickChange:  # fmt: skip
    _, ground = ground_of(work)
    draft = draft_of(work, ground, rule, segments, until, lasts, reason, closes=closes)
    if draft.is_so_already:
        return QuickChange(str(rule), draft.scope.policies, None)
    if draft.after == draft.text:
        return QuickChange(str(rule), draft.scope.tops, None)
    examined(work, ground, draft.after, "the changed policy").refuse()
    change = change_text(work, ground, draft.after, "the changed policy", reason, follows=draft.before or 0)
    strictest = draft.checked.document.strictest if segments and draft.is_for_unknown else None
    end = draft.wanted.until
    until_text, zone = (end.isoformat(), end.tzname()) if end is not None else (None, None)
    return QuickChange(str(rule), draft.scope.tops, applied(work, change), until_text, zone, strictest)


def end_of(until: str | None, lasts: str | None, now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
    """When it ends, in the school's zone and in whole seconds; None: never. Raises `NotClear`, `BadQuery`."""
    if until is not None and lasts is not None:
        raise NotClear("use --until or --for, not both")
    if lasts is not None:
        return (now + last(lasts)).astimezone(zone).replace(microsecond=0)
    if until is None:
        return None
    here = now.astimezone(zone)
    try:
        if len(until) <= len("14:30"):
            end = dt.datetime.combine(here.date(), dt.time.fromisoformat(until.zfill(5)), zone)
        else:
            end = dt.datetime.fromisoformat(until)
    except ValueError:
        raise NotClear(f"{until} is no time; write --until 14:30, or --until {here.date()}T14:30") from None
    end = end.replace(tzinfo=zone) if end.tzinfo is None else end.astimezone(zone)
    if end <= now:
        raise NotClear(f"{end:%Y-%m-%d %H:%M %Z} has passed; for another day write --until {_tomorrow(end)}")
    return end.replace(microsecond=0)


def _tomorrow(end: dt.datetime) -> str:
    return f"{end + dt.timedelta(days=1):%Y-%m-%dT%H:%M}"


def judge_of(settings: Settings, ground: Ground, wanted: Wanted, now: dt.datetime) -> Judge:
    """By the engine, with the lists on the disk: why a policy does not say what is wanted."""
    snapshot = snapshot_of(settings)
    sealed = SealedStore(settings.server.state_dir).open_all(settings)

    def judge(checked: CheckedPolicy, identity: str) -> str | None:
        description = compile_active_policy(checked, ground, 1, now).compiled.description
        engine = EngineJudge(description, snapshot, sealed.sealed if sealed is not None else None)
        decided = engine.decide(Policy(identity, False), wanted.rule.name)
        if decided.is_open != wanted.closes:
            return None
        said = "" if decided.layer == "sealed" or decided.rule is None else f" ({decided.rule})"
        return f"layer {LAYERS.get(decided.layer, decided.layer)}{said}"

    return judge


def snapshot_of(settings: Settings) -> Snapshot:
    """The lists in force; none before the first start, when the policy decides alone."""
    try:
        return SnapshotStore(settings.server.state_dir).open_best().snapshot
    except NoUsableSnapshot:  # before the first start: by the policy alone
        return Snapshot.empty()


def rule_of(name: str) -> NameRule:
    """Raises `NotClear`."""
    try:
        return parse_name_rule(name)
    except PydanticCustomError as error:
        raise NotClear("; ".join(message_and_remedy(error))) from None
