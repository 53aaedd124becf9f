"""What other lists would open, of the policy in force: names that differ between two snapshots, decided by the engine
with each of them, for every policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from schoolgate._core import PolicyTable, Snapshot, decide_names
from schoolgate.checks.deciding import table_of_policies
from schoolgate.config import Settings
from schoolgate.lists import kept_serials
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy import CheckedPolicy
from schoolgate.policy.active_policy import Ground, compile_active_policy

# Names of each kind that are decided: more than a day's update of any list.
MOST_NAMES: Final = 200_000
_DENIED: Final = 1
_OPEN: Final = (0, 2)
_BELOW: Final = "schoolgate-compares."


def opened_by_lists(
    settings: Settings, ground: Ground, checked: CheckedPolicy, before: int, after: int, now: dt.datetime
) -> tuple[str, ...]:
    """A sentence for each name that serial `after` would open against `before`. Lists of addresses are not compared.
    Raises `SchoolgateError`."""
    folder = settings.server.state_dir
    found = kept_serials.difference(folder, before, after, MOST_NAMES)
    spared = kept_serials.left_out(folder, before) ^ kept_serials.left_out(folder, after)
    rows = (*found.added_names, *found.removed_names)
    names = sorted({*(one["name"] for one in rows if one["kind"] != "pattern"), *spared})
    said = [
        f"the pattern {one['name']} is in the lists in force" for one in found.removed_names if one["kind"] == "pattern"
    ]
    said += _decided(settings, ground, checked, (before, after), names, now)
    if max(found.added, found.removed) > MOST_NAMES:
        said.append(f"{max(found.added, found.removed) - MOST_NAMES} more names differ that were not compared")
    return tuple(said)


def _decided(
    settings: Settings, ground: Ground, checked: CheckedPolicy, serials: tuple[int, int], names: Sequence[str],
    now: dt.datetime,
) -> list[str]:  # fmt: skip
    description = compile_active_policy(checked, ground, 1, now).compiled.description
    table, policies = table_of_policies(description)
    store = SnapshotStore(settings.server.state_dir)
    # A rule reaches below its name, so that is decided, too.
    asked = [each for one in names for each in (one, _BELOW + one)]
    old, new = (_outcomes(Snapshot.open(str(store.path(one))), table, policies, asked) for one in serials)
    return [
        f"policy {policy}: {name} is denied by the lists in force"
        for policy, was, will_be in zip(policies, old, new, strict=True)
        for name in _opened(names, was, will_be)
    ]


def _outcomes(snapshot: Snapshot, table: PolicyTable, policies: Sequence[str], asked: Sequence[str]) -> list[bytes]:
    return decide_names(snapshot, table, [(one, asked) for one in policies])


def _opened(names: Sequence[str], was: bytes, will_be: bytes) -> Iterable[str]:
    for at, name in enumerate(names):
        pairs = ((was[one], will_be[one]) for one in (2 * at, 2 * at + 1))
        if any(old == _DENIED and new in _OPEN for old, new in pairs):
            yield name
