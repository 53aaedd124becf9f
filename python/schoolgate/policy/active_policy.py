"""What decides at an instant: one revision of the policy, the zones of the settings, compiled for that instant.

`serve`, `check`, `explain` and `policy apply` all come through here, so that what one accepts none refuses.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import orjson

from schoolgate._core import PolicyTable
from schoolgate.config import Problem, Settings, read_text
from schoolgate.policy import (
    Catalogue,
    CheckedPolicy,
    Compiled,
    Revision,
    RevisionStore,
    Zone,
    compile_policy,
    load_catalogue,
    local_zones,
    merge,
    parse,
)

# Who and why of the revision that the very first start makes.
FIRST_WHO = "schoolgate"


@dataclass(frozen=True)
class Ground:
    """What every policy stands on: categories, engines, and names that are answered from here."""

    catalogue: Catalogue
    zones: tuple[Zone, ...]
    warnings: tuple[Problem, ...]
    # Zones that other servers of the school answer for.
    forwarded: tuple[str, ...] = ()


@dataclass(frozen=True)
class ActivePolicy:
    """A policy in force. `table` is for the plane; compile again at `next_boundary`."""

    checked: CheckedPolicy
    compiled: Compiled
    table: PolicyTable
    at: dt.datetime

    @property
    def next_boundary(self) -> dt.datetime | None:
        """When another policy comes into force by the schedule (UTC)."""
        return self.compiled.next_boundary

    def policies_in_force(self) -> dict[str, str]:
        """The policy of each segment now."""
        description = orjson.loads(self.compiled.description)
        return {one["id"]: one["policy"] for one in description["segments"]}


def read_ground(settings: Settings, config_file: str) -> Ground:
    """Raises `InputRefused` with every problem of the shipped data and the school's own zones."""
    catalogue = load_catalogue(settings.lists.dir)
    own = local_zones(settings.local, config_file)
    forwarded = tuple(one.zone for one in settings.forward_zones)
    merged = merge(catalogue.special, own, forwarded, config_file)
    return Ground(catalogue, merged.zones, merged.warnings, forwarded)


def read_policy(text: str, file: str, ground: Ground) -> CheckedPolicy:
    """Raises `PolicyRefused` with every problem."""
    return parse(text, file, ground.catalogue)


def compile_active_policy(checked: CheckedPolicy, ground: Ground, number: int, now: dt.datetime) -> ActivePolicy:
    """Raises `PolicyInvalid` when the engine refuses what was compiled."""
    compiled = compile_policy(
        checked, ground.catalogue, ground.zones, serial=number, now=now, forwarded=ground.forwarded
    )
    return ActivePolicy(checked, compiled, PolicyTable.compile(compiled.description), now)


def store_of(settings: Settings) -> RevisionStore:
    """The revisions of this state directory."""
    return RevisionStore(settings.server.state_dir / "policy.db")


def first_policy(settings: Settings) -> tuple[Path, str]:
    """File and text of the policy that the first start applies."""
    path = settings.policy.or_template(settings.lists.dir)
    return path, read_text(path)


def label(revision: Revision) -> str:
    """How messages name a revision, where a file would stand."""
    return f"policy revision {revision.number}"


def active_or_first(settings: Settings) -> tuple[int, str, str]:
    """(number, text, name for messages) of the policy in force, or, before the first start, of the one to come."""
    revision = store_of(settings).latest()
    if revision is not None:
        return revision.number, revision.text, label(revision)
    path, text = first_policy(settings)
    return 1, text, str(path)


def start_revisions(settings: Settings, ground: Ground, now: dt.datetime) -> Revision:
    """The latest revision; the first start makes one, of a text that was checked before."""
    store = store_of(settings)
    latest = store.latest()
    if latest is not None:
        return latest
    path, text = first_policy(settings)
    read_policy(text, str(path), ground)
    return store.start_with(text, who=FIRST_WHO, why=f"first start, from {path}", now=now)
