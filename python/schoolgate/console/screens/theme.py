"""The switch of light and dark, and "More": screens that do not fit on the left. Both are the frame's own."""

from __future__ import annotations

from aiohttp import web

from schoolgate.console.screen import ANYONE, SIGNED_IN, Page, Screen
from schoolgate.console.session_cookie import THEMES, keep_theme

THEME = Screen("/theme", "Light and dark", ANYONE)
MORE = Screen("/more", "More", SIGNED_IN)


def add_routes(app: web.Application) -> None:
    """The form of the switch, and the page of the rest."""
    THEME.post(app, choose)
    MORE.get(app, more)


async def choose(page: Page) -> web.Response:
    """Keeps the choice in a cookie, and goes back."""
    form = await page.form()
    response = page.redirect(form.get("next", "/"))
    if form.get("theme") in THEMES:
        keep_theme(response, form["theme"])
    return response


async def more(page: Page) -> web.Response:
    """Every screen of this account."""
    return page.render("screens/more.html")
