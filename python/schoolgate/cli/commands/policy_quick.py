"""`policy block` and `policy allow`: one name, one revision, no editing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from schoolgate._core import Snapshot
from schoolgate.checks.deciding import Judge as EngineJudge
from schoolgate.checks.deciding import Policy
from schoolgate.cli.commands.layers import LAYERS
from schoolgate.cli.commands.local_user import who as person
from schoolgate.cli.commands.policy import change_text, put_in_force, writable
from schoolgate.cli.commands.terminal import note, say
from schoolgate.config import Settings, config_label
from schoolgate.config.problems import message_and_remedy
from schoolgate.errors import SchoolgateError
from schoolgate.lists.snapshots import NoUsableSnapshot, SnapshotStore
from schoolgate.policy import CheckedPolicy
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
from schoolgate.policy.quick_change import Judge, Wanted, changed, scope_of
from schoolgate.querylog.moments import last
from schoolgate.sealed import SealedStore


class NotClear(SchoolgateError):
    """The command line does not say what is to change."""


def block(
    config: Path | None, name: str, segments: tuple[str, ...], until: str | None, lasts: str | None, reason: str,
    who: str | None,
) -> None:  # fmt: skip
    """Denies a name."""
    rule = _rule(name)
    _change(config, rule, segments, until, lasts, reason.strip() or f"block {rule}", who, closes=True)


def allow(
    config: Path | None, name: str, segments: tuple[str, ...], until: str | None, lasts: str | None, reason: str,
    who: str | None,
) -> None:  # fmt: skip
    """Opens a name until a moment."""
    if until is None and lasts is None:
        raise NotClear("say how long: --until 14:30, or --for 2h; to open it for good, edit the policy and apply it")
    if not reason.strip():
        raise NotClear("give the reason, with --reason")
    _change(config, _rule(name), segments, until, lasts, reason.strip(), who, closes=False)


def _change(
    config: Path | None, rule: NameRule, segments: tuple[str, ...], until: str | None, lasts: str | None, reason: str,
    who: str | None, *, closes: bool,
) -> None:  # fmt: skip
    settings, now = writable(config), dt.datetime.now(dt.UTC)
    ground = read_ground(settings, config_label(config))
    before = latest_revision(policy_files(settings).look())
    _, text, file = active_or_first(settings)
    checked = read_policy(text, file, ground)
    end = end_of(until, lasts, now, ZoneInfo(checked.document.time_zone))
    wanted = Wanted(rule, closes, reason, who or person(), end)
    scope = scope_of(checked, segments)
    judge = judge_of(settings, ground, wanted, now)
    if not closes and all(judge(checked, one) is None for one in scope.policies):
        say(f"{rule} is open already, under {', '.join(scope.policies)}; nothing was applied")
        return
    after = changed(text, file, scope, wanted, now, judge)
    if after == text:
        say(f"{rule} is denied already, under {', '.join(scope.tops)}; nothing was applied")
        return
    follows = before.number if before is not None else 0
    change = change_text(settings, ground, after, "the changed policy", reason, who, follows=follows)
    put_in_force(settings, change)
    if segments and set(scope.tops) & set(checked.lineages[checked.document.strictest]):
        note(f"this is also for devices of no segment: their policy is {checked.document.strictest}", "yellow")
    if end is not None:
        say(f"until {end:%A %Y-%m-%d %H:%M %Z}, by itself")


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
    try:
        snapshot = SnapshotStore(settings.server.state_dir).open_best().snapshot
    except NoUsableSnapshot:  # before the first start: by the policy alone
        snapshot = Snapshot.empty()
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


def _rule(name: str) -> NameRule:
    try:
        return parse_name_rule(name)
    except PydanticCustomError as error:
        raise NotClear("; ".join(message_and_remedy(error))) from None
