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
from schoolgate.errors import SchoolgateError
from schoolgate.policy import (
    Catalogue,
    CheckedPolicy,
    Compiled,
    Revision,
    Zone,
    compile_policy,
    load_catalogue,
    local_zones,
    merge,
    parse,
)
from schoolgate.policy.calendar_file import read_calendar
from schoolgate.policy.compile import written_policy
from schoolgate.policy.emergency import NUMBER as EMERGENCY
from schoolgate.policy.emergency import emergency_revision
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.policy.school_calendar import NO_CALENDAR, SchoolCalendar
from schoolgate.policy.store_check import StoreCheck

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
    # Which days are holidays, for schedules.
    calendar: SchoolCalendar = NO_CALENDAR


class PolicyTextUnreadable(SchoolgateError):
    """The text of a policy cannot be read, though its compiled form decides."""


@dataclass(frozen=True)
class ActivePolicy:
    """A policy in force. `table` is for the plane; compile again at `next_boundary`. `checked` is None where the text
    cannot be read, and the compiled form stands for it."""

    checked: CheckedPolicy | None
    compiled: Compiled
    table: PolicyTable
    at: dt.datetime

    @property
    def as_read(self) -> CheckedPolicy:
        """What its text says. Raises `PolicyTextUnreadable` where only the compiled form is left."""
        if self.checked is None:
            raise PolicyTextUnreadable("the text of the policy in force cannot be read; its compiled form decides")
        return self.checked

    @property
    def next_boundary(self) -> dt.datetime | None:
        """When another policy comes into force by the schedule (UTC)."""
        return self.compiled.next_boundary

    def policies_in_force(self) -> dict[str, str]:
        """The policy of each segment now, as the document names it."""
        description = orjson.loads(self.compiled.description)
        return {one["id"]: written_policy(one["policy"]) for one in description["segments"]}


def read_ground(settings: Settings, config_file: str) -> Ground:
    """Raises `InputRefused` with every problem of the shipped data and the school's own zones."""
    catalogue = load_catalogue(settings.lists.dir)
    own = local_zones(settings.local, config_file)
    forwarded = tuple(one.zone for one in settings.forward_zones)
    merged = merge(catalogue.special, own, forwarded, config_file)
    calendar, _ = read_calendar(settings.server.state_dir)
    return Ground(catalogue, merged.zones, merged.warnings, forwarded, calendar)


def read_policy(text: str, file: str, ground: Ground) -> CheckedPolicy:
    """Raises `PolicyRefused` with every problem."""
    return parse(text, file, ground.catalogue)


def compile_active_policy(checked: CheckedPolicy, ground: Ground, number: int, now: dt.datetime) -> ActivePolicy:
    """Raises `PolicyInvalid` when the engine refuses what was compiled."""
    compiled = compile_policy(
        checked,
        ground.catalogue,
        ground.zones,
        serial=number,
        now=now,
        forwarded=ground.forwarded,
        calendar=ground.calendar,
    )
    return ActivePolicy(checked, compiled, PolicyTable.compile(compiled.description), now)


def policy_files(settings: Settings) -> PolicyFiles:
    """The policy's files in this state directory."""
    return PolicyFiles(settings.server.state_dir)


def first_policy(settings: Settings) -> tuple[Path, str]:
    """File and text of the policy that the first start applies."""
    path = settings.policy.or_template(settings.lists.dir)
    return path, read_text(path)


def label(revision: Revision) -> str:
    """How messages name a revision, where a file would stand."""
    return f"policy revision {revision.number}" if revision.number != EMERGENCY else "the policy of an emergency"


def latest_revision(check: StoreCheck) -> Revision | None:
    """The revision that is in force or will be with the next look; None before the first, and where all is lost."""
    if check.kind == "publish" and check.tail is not None:
        return check.tail.latest
    return check.published.revision if check.published is not None else None


def active_or_first(settings: Settings) -> tuple[int, str, str]:
    """(number, text, name for messages) of the policy in force, or, before the first start, of the one to come."""
    check = policy_files(settings).look()
    if check.kind == "first":
        path, text = first_policy(settings)
        return 1, text, str(path)
    revision = latest_revision(check) or emergency_revision(dt.datetime.now(dt.UTC))
    return revision.number, revision.text, label(revision)
