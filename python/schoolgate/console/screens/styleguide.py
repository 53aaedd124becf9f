"""Every component on one page, with made-up values: what the browser tests photograph, and what authors look at."""

from __future__ import annotations

from aiohttp import web

from schoolgate.console.screen import SIGNED_IN, Page, Screen

SCREEN = Screen("/styleguide", "Style guide", SIGNED_IN)

_ROWS = [
    ("Laptop 14, Year 9", "games.example.com", "blocked", "Games, all day"),
    ("Laptop 2, Year 7", "maths.example.org", "open", "School's own rule"),
    ("Unknown device", "xn--e1afmkfd.example.net", "rewritten", "Safe search"),
    ("Staff phone", "<b>markup</b>.example.com", "limited", "Too many questions"),
]
_HOURS = [("08", 120), ("09", 340), ("10", 410), ("11", 380), ("12", 640), ("13", 220), ("14", 310), ("15", 90)]


def add_routes(app: web.Application) -> None:
    """The page, and targets for its forms that change nothing."""
    SCREEN.get(app, show)
    SCREEN.get(app, row, "/row/{number}")


async def show(page: Page) -> web.Response:
    """All components."""
    return page.render("screens/styleguide.html", rows=_ROWS, hours=_HOURS, chosen=None)


async def row(page: Page) -> web.Response:
    """A row's side panel; without JavaScript a page."""
    number = page.request.match_info["number"]
    if not number.isdecimal() or int(number) >= len(_ROWS):
        raise web.HTTPNotFound
    template = "screens/styleguide_row.html" if page.is_fragment else "screens/styleguide.html"
    return page.render(template, rows=_ROWS, hours=_HOURS, chosen=_ROWS[int(number)])
