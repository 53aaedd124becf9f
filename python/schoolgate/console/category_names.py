"""Kinds of site by the names that people know them by, for pages that have their ids."""

from __future__ import annotations

from collections.abc import Mapping

from schoolgate.console.screen import Page


async def category_names(page: Page) -> Mapping[str, str]:
    """Id to name; none where the viewer may not ask for them."""
    if not page.viewer.may("log.choices"):
        return {}
    names: dict[str, str] = (await page.call("log.choices"))["categories"]
    return names
