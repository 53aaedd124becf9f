"""Refuses a whole policy for who asks first for openings, where it opens something that the one in force closes."""

from __future__ import annotations

from typing import Final

from schoolgate.checks.newly_opened import newly_opened
from schoolgate.operations import openings
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.work import Work
from schoolgate.policy import PolicyRefused
from schoolgate.policy.active_policy import Ground, label, latest_revision, policy_files, read_policy

MOST_SAID: Final = 10


def refuse_opening(work: Work, ground: Ground, text: str, operation: str) -> None:
    """Raises `NotPermitted` with what would open. The first policy of a school is compared with none."""
    before = latest_revision(policy_files(work.settings).look())
    if operation not in work.asks_first or before is None:
        return
    try:
        old = read_policy(before.text, label(before), ground)
    except PolicyRefused:  # of an earlier version, or of other lists
        found: tuple[str, ...] = (f"{label(before)} cannot be read now, so it is not known what would open",)
    else:
        found = newly_opened(work.settings, ground, old, read_policy(text, "the new text", ground), work.now)
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
