"""The code for the day when no approver can sign in: made by a head or a director, and shown once."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, FormRefused
from schoolgate.console.screen import ANYONE, Page, Screen
from schoolgate.console.sign_in_steps import REFUSED, STEP_UP, took, with_next

# A code has some forty characters, with its strokes.
_LONGEST: Final = 200

SCREEN = Screen("/accounts/break-glass", "Sealed code", "account.seal_break_glass")
USE = Screen("/sign-in/sealed-code", "Use the sealed code", ANYONE)


def add_routes(app: web.Application) -> None:
    """The question, and the code; and the form for the day when it is needed."""
    SCREEN.get(app, show)
    SCREEN.post(app, seal)
    USE.get(app, show_use)
    USE.post(app, use)


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


async def show_use(page: Page) -> web.Response:
    """The form, which says what follows."""
    return page.render("screens/sealed_code_use.html", mistakes={})


async def use(page: Page) -> web.Response:
    """Uses the code up, and signs in."""
    code = (await page.form()).get("code", "").strip()[:_LONGEST]
    try:
        opened = await page.call("session.break_glass", code=code)
    except AttemptRefused:
        return page.render("screens/sealed_code_use.html", status=422, mistakes={"code": REFUSED})
    return took(page, opened["step"], "/accounts")
