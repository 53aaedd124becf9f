"""Refuses a whole policy, older lists or other school days for who asks first for openings, where they open something
that is closed now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from schoolgate.checks.newly_opened import newly_opened
from schoolgate.checks.opened_by_days import opened_by_days
from schoolgate.checks.opened_by_lists import opened_by_lists
from schoolgate.config import config_label
from schoolgate.errors import SchoolgateError
from schoolgate.lists import kept_serials
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.operations import openings
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.work import Work
from schoolgate.policy import CheckedPolicy, PolicyRefused
from schoolgate.policy.active_policy import Ground, label, latest_revision, policy_files, read_ground, read_policy
from schoolgate.policy.school_calendar import SchoolCalendar

MOST_SAID: Final = 10

Found = tuple[str, ...]


def refuse_opening(work: Work, ground: Ground, text: str, operation: str) -> None:
    """Raises `NotPermitted` with what a text would open. The first policy of a school is compared with none."""

    def compare(before: CheckedPolicy) -> Found:
        return newly_opened(work.settings, ground, before, read_policy(text, "the new text", ground), work.now)

    _refuse(work, ground, operation, compare)


def refuse_older_lists(work: Work, serial: int | None) -> None:
    """Raises `NotPermitted` with what the lists of a serial would open; None is the one before."""
    folder = work.settings.server.state_dir
    current = SnapshotStore(folder).current_serial()
    wanted = serial if serial is not None else kept_serials.earlier_serial(folder)
    if current is None or wanted is None:
        return
    ground = _ground(work)

    def compare(checked: CheckedPolicy) -> Found:
        try:
            return opened_by_lists(work.settings, ground, checked, current, wanted, work.now)
        except SchoolgateError as error:
            return (f"serials {current} and {wanted} cannot be compared: {error}",)

    _refuse(work, ground, "lists.rollback", compare)


def refuse_other_days(work: Work, calendar: SchoolCalendar, operation: str) -> None:
    """Raises `NotPermitted` with what a school calendar would open."""
    ground = _ground(work)
    _refuse(work, ground, operation, lambda now: opened_by_days(work.settings, ground, now, calendar, work.now))


def _ground(work: Work) -> Ground:
    return read_ground(work.settings, config_label(work.config))


def _refuse(work: Work, ground: Ground, operation: str, compare: Callable[[CheckedPolicy], Found]) -> None:
    """Raises `NotPermitted` with what `compare` finds against the policy in force."""
    before = latest_revision(policy_files(work.settings).look())
    if operation not in work.asks_first or before is None:
        return
    try:
        old = read_policy(before.text, label(before), ground)
    except PolicyRefused:  # of an earlier version, or of other lists
        found: Found = (f"{label(before)} cannot be read now, so it is not known what would open",)
    else:
        found = compare(old)
    if not found:
        return
    lines = [f"  {one}" for one in found[:MOST_SAID]]
    if len(found) > MOST_SAID:
        lines.append(f"  and {len(found) - MOST_SAID} more")
    said = "\n".join(lines)
    raise NotPermitted(
        f"nothing was applied: what opens sites is decided by a second person here, and this opens\n{said}\n"
        f"Leave that out, or {openings.how_to_ask(operation)}"
    )
