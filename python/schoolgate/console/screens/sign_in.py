"""Sign-in by password and second factor, the same factor again before something weighty, and signing out."""

from __future__ import annotations

import contextlib
from urllib.parse import urlencode

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, ControlNotRunning, SessionEnded
from schoolgate.console.screen import ANYONE, SIGNED_IN, Page, Screen
from schoolgate.console.session_cookie import device_of, forget_session
from schoolgate.console.sign_in_steps import (
    CODE,
    PASSKEY,
    REFUSED,
    SIGN_IN,
    STEP_UP,
    at_stage,
    next_path,
    took,
    with_next,
)
from schoolgate.operations.socket_messages import OperationRefused

BEGIN = Screen(SIGN_IN, "Sign in", ANYONE)
SECOND = Screen(CODE, "Second step", ANYONE)
AGAIN = Screen(STEP_UP, "Confirm that it is you", SIGNED_IN)
OUT = Screen("/sign-out", "Sign out", ANYONE)


def add_routes(app: web.Application) -> None:
    """Pages and forms."""
    BEGIN.get(app, show)
    BEGIN.post(app, begin)
    SECOND.get(app, show_code)
    SECOND.post(app, give_code)
    AGAIN.get(app, show_again)
    AGAIN.post(app, give_again)
    OUT.post(app, sign_out)


async def show(page: Page) -> web.Response:
    """The form, or the next step of a sign-in that was begun."""
    wanted = next_path(page)
    if page.viewer.stage:
        return page.redirect(at_stage(page.viewer.stage, wanted))
    return await _form(page, wanted)


async def begin(page: Page) -> web.Response:
    """Name and password."""
    form = await page.form()
    wanted = next_path(page, form)
    login, password = form.get("login", "").strip(), form.get("password", "")
    try:
        step = await page.call("session.begin", login=login, password=password, device=device_of(page.request))
    except OperationRefused:
        return await _form(page, wanted, login, is_refused=True)
    return took(page, step, wanted)


async def show_code(page: Page) -> web.Response:
    """The form of the second step."""
    wanted = next_path(page)
    if page.viewer.stage != "factor":
        return page.redirect(with_next(SIGN_IN, wanted))
    if _has_passkey_alone(page):
        return page.redirect(with_next(PASSKEY, wanted))
    return _code_form(page, CODE, wanted, page.query.get("by", ""))


async def give_code(page: Page) -> web.Response:
    """The second step."""
    form = await page.form()
    if page.viewer.stage != "factor":
        return page.redirect(with_next(SIGN_IN, next_path(page, form)))
    return await _give(page, CODE, form.get("by", ""), form.get("code", ""), next_path(page, form))


async def show_again(page: Page) -> web.Response:
    """The second factor once more: what follows asks for one that is fresh."""
    if _has_passkey_alone(page):
        return page.redirect(with_next(PASSKEY, next_path(page)))
    return _code_form(page, AGAIN.path, next_path(page), page.query.get("by", ""))


async def give_again(page: Page) -> web.Response:
    """The same, given."""
    form = await page.form()
    return await _give(page, AGAIN.path, form.get("by", ""), form.get("code", ""), next_path(page, form))


async def sign_out(page: Page) -> web.Response:
    """Ends the session. Where that cannot be reached the browser forgets it all the same, and it ends by its age."""
    if page.viewer.caller.session:
        with contextlib.suppress(SessionEnded, ControlNotRunning):
            await page.call("session.end")
    response = page.redirect(SIGN_IN)
    forget_session(response)
    return response


async def _form(page: Page, wanted: str, login: str = "", *, is_refused: bool = False) -> web.Response:
    providers = await page.call("session.providers")
    return page.render(
        "screens/sign_in.html",
        has_passkeys=await page.call("session.offers_passkeys"),
        status=422 if is_refused else 200,
        providers=providers,
        wanted=wanted,
        login=login,
        mistakes={"": REFUSED} if is_refused else {},
    )


async def _give(page: Page, action: str, by: str, code: str, wanted: str) -> web.Response:
    operation = "session.recovery_code" if by == "recovery" else "session.totp"
    try:
        step = await page.call(operation, code=code.strip())
    except AttemptRefused:
        return _code_form(page, action, wanted, by, is_refused=True)
    return took(page, step, wanted)


def _code_form(page: Page, action: str, wanted: str, by: str, *, is_refused: bool = False) -> web.Response:
    return page.render(
        "screens/sign_in_code.html",
        status=422 if is_refused else 200,
        action=action,
        wanted=wanted,
        is_recovery=by == "recovery",
        other_way=_other_way(action, wanted, by),
        passkey=with_next(PASSKEY, wanted) if "passkey" in page.viewer.whoami["names"] else None,
        mistakes={"code": REFUSED} if is_refused else {},
    )


def _has_passkey_alone(page: Page) -> bool:
    """Whether there is no app to take a code from; a recovery code is asked for by its own address."""
    names = page.viewer.whoami["names"]
    return "passkey" in names and "totp" not in names and "by" not in page.query


def _other_way(action: str, wanted: str, by: str) -> str:
    asked = {} if by == "recovery" else {"by": "recovery"}
    asked |= {} if wanted == "/" else {"next": wanted}
    return f"{action}?{urlencode(asked)}" if asked else action
