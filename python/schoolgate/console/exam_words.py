"""Exam mode that is on, for pages that show what counts for a device or a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schoolgate.console.screen import Page


async def exams_on(page: Page, segment: str | None) -> list[Mapping[str, Any]]:
    """Of one network; none for who may not know."""
    if not segment or not page.viewer.may("exam.show"):
        return []
    found = await page.call("exam.show")
    return [one for one in found["exams"] if one["state"] == "on" and one["segment"] == segment]
