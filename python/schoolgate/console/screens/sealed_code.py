"""The code for the day when no approver can sign in: made by a head or a director, and shown once."""

from __future__ import annotations

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen
from schoolgate.console.sign_in_steps import STEP_UP, with_next

SCREEN = Screen("/accounts/break-glass", "Sealed code", "account.seal_break_glass")


def add_routes(app: web.Application) -> None:
    """The question, and the code."""
    SCREEN.get(app, show)
    SCREEN.post(app, seal)


async def show(page: Page) -> web.Response:
    """What it is for; first the second factor, so that the button works."""
    if not page.viewer.is_fresh:
        return page.redirect(with_next(STEP_UP, SCREEN.path))
    return page.render("screens/sealed_code.html", code="", mistakes={})


async def seal(page: Page) -> web.Response:
    """Makes it. The code is on the answer's page, and nowhere again."""
    try:
        code = await page.call("account.seal_break_glass")
    except FormRefused as error:
        return page.render("screens/sealed_code.html", status=422, code="", mistakes={"": str(error)})
    return page.render("screens/sealed_code.html", code=code, mistakes={})
