"""Home: the first thing that somebody sees. Each role's own tasks come with its screens."""

from __future__ import annotations

from aiohttp import web

from schoolgate.console.screen import SIGNED_IN, Page, Screen

SCREEN = Screen("/", "Home", SIGNED_IN)


def add_routes(app: web.Application) -> None:
    """The page."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """Where to go from here."""
    return page.render("screens/home.html")
