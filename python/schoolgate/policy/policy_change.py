"""A change of the policy: checked, stored as a revision, published as the active file. One at a time.

A change is refused while the database and the active file contradict each other: what it would be built on is unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.policy.active_file import PublishedPolicy
from schoolgate.policy.active_policy import (
    ActivePolicy,
    Ground,
    compile_active_policy,
    latest_revision,
    policy_files,
    read_policy,
)
from schoolgate.policy.policy_store import PolicyStore
from schoolgate.policy.revision import BEGINNING, Revision


class PolicyStoreRefused(SchoolgateError):
    """The policy cannot be changed as its files are; the message says what mends them."""


@dataclass(frozen=True)
class PolicyChange:
    """`revision` is stored; it is `before` where the text was the same. `not_published` says why the active file does
    not hold it yet: the running service tries that again each minute."""

    before: Revision | None
    revision: Revision
    active: ActivePolicy
    not_published: str | None = None

    @property
    def is_change(self) -> bool:
        """Whether there is a new revision."""
        return self.revision is not self.before


def change_policy(
    settings: Settings,
    ground: Ground,
    text: str,
    file: str,
    now: dt.datetime,
    store_it: Callable[[PolicyStore], Revision],
    *,
    is_same_kept: bool = False,
) -> PolicyChange:
    """Checks `text` (named `file` in messages), has `store_it` store it, publishes it. `is_same_kept`: the text of the
    latest revision makes no new one. Raises `PolicyRefused`, `PolicyStoreRefused` and what `store_it` raises; then
    nothing was changed."""
    files = policy_files(settings)
    checked = read_policy(text, file, ground)
    with files.locked():
        check = files.look(is_thorough=True)
        if check.problem is not None:
            raise PolicyStoreRefused(f"nothing was changed: {check.problem}")
        before = latest_revision(check)
        number = before.number + 1 if before is not None else 1
        active = compile_active_policy(checked, ground, number, now)
        if is_same_kept and before is not None and before.text == text:
            return PolicyChange(before, before, active)
        revision = store_it(files.store)
        installation = files.store.identify(files.new_installation(check.tail))
        parent = before.checksum if before is not None else BEGINNING
        published = PublishedPolicy(installation, revision, parent, active.compiled.description, now)
        try:
            files.publish(published)
        except OSError as error:
            return PolicyChange(before, revision, active, f"{files.active}: {error.strerror}; free some space")
    return PolicyChange(before, revision, active)
