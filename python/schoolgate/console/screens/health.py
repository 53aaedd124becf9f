"""Health: how the filter itself is, for those who mend it. What needs a person stands first, with what to do."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/health", "Health", "status.show")

_CONDITIONS: Final = {
    "ok": "In order", "stale": "Old", "failing": "Cannot be fetched", "held": "Held back: it changed too much",
    "failed": "Cannot be used", "not fetched": "Not fetched yet",
}  # fmt: skip
# What is not protected in one step: recommended lists would fill it.
_BY_LISTS: Final = ("category-empty", "categories-starter-only")


def add_routes(app: web.Application) -> None:
    """The page."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """Everything that `schoolgate status` knows, in words."""
    status = await page.call("status.show")
    unprotected = status["unprotected"]
    attributed = await _attributed(page, status)
    feeds = sorted(status["feeds"], key=lambda one: (one["condition"] == "ok", -(one["age_s"] or 0)))
    lost = sum((status["query_log"] or {"lost": {}})["lost"].values())
    return page.render(
        "screens/health.html", attributed=attributed, shown=status, feeds=feeds, conditions=_CONDITIONS, lost=lost,
        by_lists=[one for one in unprotected if one["id"] in _BY_LISTS],
        others=[one for one in unprotected if one["id"] not in _BY_LISTS], answers=_answer(status),
    )  # fmt: skip


async def _attributed(page: Page, status: dict[str, Any]) -> Any:
    """How many questions have a device; None where no source of devices is set, or the log cannot say."""
    if all(one["name"] != "identity" for one in status["processes"]) or not page.viewer.may("device.attributed"):
        return None
    try:
        return await page.call("device.attributed")
    except OperationRefused:
        return None


def _answer(status: dict[str, Any]) -> str:
    """The first line. What is not protected yet needs a person, too."""
    waiting = sum(one["severity"] != "notice" for one in (*status["problems"], *status["unprotected"]))
    need = {0: "Nothing needs you.", 1: "One thing needs you."}.get(waiting, f"{waiting} things need you.")
    return f"{'Filtering is running.' if status['is_serving'] else 'Filtering is not running here.'} {need}"
