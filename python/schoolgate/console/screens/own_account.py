"""My account: where I am signed in, my second factors, my password."""

from __future__ import annotations

import uuid

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, PasswordUnfit
from schoolgate.console.screen import SIGNED_IN, Page, Screen
from schoolgate.console.screens.factor_setup import differing
from schoolgate.console.session_cookie import forget_session
from schoolgate.console.sign_in_steps import REFUSED, SIGN_IN

SCREEN = Screen("/account", "My account", SIGNED_IN)


def add_routes(app: web.Application) -> None:
    """The page and its forms."""
    SCREEN.get(app, show)
    SCREEN.post(app, end_one, "/sessions/{session}/end")
    SCREEN.post(app, change_password, "/password")
    SCREEN.get(app, ask_compromised, "/compromised")
    SCREEN.post(app, compromised, "/compromised")


async def show(page: Page) -> web.Response:
    """Sessions, factors, password."""
    return await _shown(page, {})


async def end_one(page: Page) -> web.Response:
    """Signs out one place."""
    await page.call("session.end_one", session_id=_id(page.request.match_info["session"]))
    return page.redirect(SCREEN.path)


async def change_password(page: Page) -> web.Response:
    """A new password; other sessions end."""
    form = await page.form()
    new = form.get("password", "")
    mistakes = differing(new, form.get("again", ""))
    reasons: tuple[str, ...] = ()
    if not mistakes:
        try:
            await page.call("session.change_password", old=form.get("old", ""), new=new)
            return page.redirect(f"{SCREEN.path}?changed=1")
        except AttemptRefused:
            mistakes = {"old": REFUSED}
        except PasswordUnfit as error:
            mistakes, reasons = {"password": "This password cannot be used."}, error.reasons
    return await _shown(page, mistakes, reasons)


async def ask_compromised(page: Page) -> web.Response:
    """Says what follows, before it is done."""
    return page.render("screens/compromised.html")


async def compromised(page: Page) -> web.Response:
    """Ends every session of the account, this one too; the password must change."""
    await page.call("session.compromised")
    response = page.redirect(SIGN_IN)
    forget_session(response)
    return response


async def _shown(page: Page, mistakes: dict[str, str], reasons: tuple[str, ...] = ()) -> web.Response:
    return page.render(
        "screens/own_account.html",
        status=422 if mistakes else 200,
        sessions=await page.call("session.list"),
        factors=await page.call("session.factors"),
        has_passkeys=await page.call("session.offers_passkeys"),
        is_changed="changed" in page.query,
        mistakes=mistakes,
        reasons=reasons,
    )


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise web.HTTPNotFound from None
