"""What the policy and lists in force really protect: looked at in a thread after the start and after each change.

Never before the first answer, and never on the event loop: it reads files and decides thousands of names.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from schoolgate.config.diagnostics import Diagnostic
from schoolgate.errors import SchoolgateError
from schoolgate.server.active_state import ActiveState

NOT_SET_UP = Diagnostic(
    "demonstration-policy",
    "warning",
    "policy",
    "no school is set up: the demonstration's policy is in force, and devices other than this machine are refused",
    "schoolgate setup, or /setup in the console",
)


@dataclass(frozen=True)
class Protection:
    """`categories`: what fills the denied ones (lists/unfilled.py), None where that is not known. `diagnostics`: what
    an administrator should look at."""

    categories: dict[str, Any] | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def load_checks() -> None:
    """Imports what `look` needs; no answer waits for it. One thread at a time: CPython hands a thread a half-made
    module rather than let two that import each other's modules wait for ever."""
    import schoolgate.checks.draft
    import schoolgate.lists.unfilled
    import schoolgate.policy.denied
    import schoolgate.policy.templates  # noqa: F401


def look(whole: ActiveState, now: dt.datetime) -> Protection:
    """Of one state. Raises nothing: what cannot be looked at is a problem itself."""
    from schoolgate.checks.draft import stands_in_the_way
    from schoolgate.lists.unfilled import filling
    from schoolgate.policy.denied import denied_categories
    from schoolgate.policy.templates import is_demonstration

    try:
        found = filling(whole.settings, denied_categories(whole.policy.as_read, now))
        unfit = stands_in_the_way(whole.settings, whole.ground, whole.policy, whole.lists.snapshot, now)
    except (SchoolgateError, OSError) as error:
        sentence = f"it is not known how far the lists protect: {error}"
        return Protection(None, (Diagnostic("protection-unknown", "warning", "lists", sentence, "mend that"),))
    if is_demonstration(whole.revision.text, whole.settings.lists.dir):
        unfit = (*unfit, NOT_SET_UP)
    # A policy of an earlier version, which would be refused today. What a reason allows is no problem.
    refused = [one for one in unfit if one.severity == "refused" or one is NOT_SET_UP]
    return Protection(found.whole(), (*refused, *found.problems()))
