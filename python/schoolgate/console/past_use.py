"""What a draft of the policy would have closed and opened of what was asked lately, for pages that show it first."""

from __future__ import annotations

from typing import Any, Final

from schoolgate.console.screen import Page
from schoolgate.operations.socket_messages import OperationRefused

DAYS: Final = 30
# So many names a page shows of each group.
SHOWN_NAMES: Final = 5
# A page is waited for: of a large school's month these are nearly all questions.
MOST_NAMES: Final = 20_000


async def last_month(page: Page, text: str) -> tuple[Any, str]:
    """The result of `policy.replay`, or None and a sentence that says why there is none."""
    if not page.viewer.may("policy.replay"):
        return None, "Your role does not see what was asked."
    try:
        found = await page.call("policy.replay", text=text, days=DAYS, most=SHOWN_NAMES, most_names=MOST_NAMES)
    except OperationRefused as error:
        return None, f"That cannot be said now: {error}"
    return found, ""
