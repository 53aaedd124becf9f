"""Every component on one page, with made-up values: what the browser tests photograph, and what authors look at."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.home_tasks import Light, Task
from schoolgate.console.log_filters import LogFilter
from schoolgate.console.log_words import ShownRow
from schoolgate.console.screen import SIGNED_IN, Page, Screen, number_in

SCREEN = Screen("/styleguide", "Style guide", SIGNED_IN)

_ROWS = [
    ("Laptop 14, Year 9", "games.example.com", "blocked", "Games, all day"),
    ("Laptop 2, Year 7", "maths.example.org", "open", "School's own rule"),
    ("Unknown device", "xn--e1afmkfd.example.net", "rewritten", "Safe search"),
    ("Staff phone", "<b>markup</b>.example.com", "limited", "Too many questions"),
]
_TASKS = (
    Task("One urgent concern waits for someone to look.", "/alerts", "Look", is_urgent=True),
    Task("The daily check is overdue.", "/checks", "Check now", "On the machine: `schoolgate check reachability`."),
)
_LIGHTS = tuple(Light("Hill School", one, f"As a school is that is {one}") for one in ("good", "look", "stopped"))
_QUESTION = ShownRow(
    "2026-03-02T10:42:00+00:00", "p-3f9a1c77e0", "year-9", "games.example.com", "blocked", "Games", "example-games",
    "0123456789abcdef", {"layer": "category"},
)  # fmt: skip
_HOURS = [("08", 120), ("09", 340), ("10", 410), ("11", 380), ("12", 640), ("13", 220), ("14", 310), ("15", 90)]
_SHOWN: Final[dict[str, Any]] = {
    "rows": _ROWS, "hours": _HOURS, "tasks": _TASKS, "lights": _LIGHTS, "question": _QUESTION, "wanted": LogFilter(),
}  # fmt: skip


def add_routes(app: web.Application) -> None:
    """The page, and targets for its forms that change nothing."""
    SCREEN.get(app, show)
    SCREEN.get(app, row, "/row/{number}")


async def show(page: Page) -> web.Response:
    """All components."""
    return page.render("screens/styleguide.html", **_SHOWN, chosen=None)


async def row(page: Page) -> web.Response:
    """A row's side panel; without JavaScript a page."""
    number = number_in(page.request.match_info["number"])
    if number is None or number >= len(_ROWS):
        raise web.HTTPNotFound
    template = "screens/styleguide_row.html" if page.is_fragment else "screens/styleguide.html"
    return page.render(template, **_SHOWN, chosen=_ROWS[number])
