"""Which of the announced lessons an alert belongs to, for pages that list alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schoolgate.console.screen import Page


async def lessons_of(page: Page, alerts: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """The lessons that each alert may belong to, by its number; only of alerts of the last week."""
    numbers = [one["id"] for one in alerts]
    if not numbers or not page.viewer.may("lesson.of_alerts"):
        return {}
    return {one["alert"]: one["lessons"] for one in await page.call("lesson.of_alerts", alerts=numbers)}
