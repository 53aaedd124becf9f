"""Steps of a sign-in that set something up: the authenticator app with its recovery codes, and a new password."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, PasswordUnfit
from schoolgate.console.screen import ANYONE, Page, Screen
from schoolgate.console.sign_in_steps import (
    ENROL,
    PASSWORD,
    REFUSED,
    SIGN_IN,
    at_stage,
    keep,
    next_path,
    took,
    with_next,
)

APP = Screen(ENROL, "Set up your authenticator app", ANYONE)
CHOOSE = Screen(PASSWORD, "Choose a new password", ANYONE)

_WRONG_CODE = "That code is not right. Wait until the app shows the next one, and type that."
_DIFFERENT = "The two are not the same. Type it again."


def add_routes(app: web.Application) -> None:
    """Pages and forms."""
    APP.get(app, show_app)
    APP.post(app, start_app, "/start")
    APP.post(app, confirm_app)
    CHOOSE.get(app, show_password)
    CHOOSE.post(app, choose)


async def show_app(page: Page) -> web.Response:
    """What will happen. The secret comes with the next step: a page that is loaded again must not make a new one."""
    if page.viewer.stage not in ("enrol", "full"):
        return page.redirect(with_next(SIGN_IN, next_path(page)))
    return await _begin(page, next_path(page))


async def start_app(page: Page) -> web.Response:
    """The QR code, once. A browser that was left open shows it to its holder alone, who gives the password again."""
    form = await page.form()
    wanted = next_path(page, form)
    try:
        start = await page.call("session.enrol_totp_start", password=form.get("password") or None)
    except AttemptRefused as error:
        if error.kind != "SignInRefused":
            raise
        return await _begin(page, wanted, {"password": REFUSED})
    return page.render("screens/app_code.html", wanted=wanted, start=start, picture=_picture(start), mistakes={})


async def confirm_app(page: Page) -> web.Response:
    """The first code of the app; then the recovery codes, which are shown nowhere again."""
    form = await page.form()
    wanted = next_path(page, form)
    try:
        done = await page.call("session.enrol_totp", code=form.get("code", "").strip())
    except AttemptRefused:
        mistakes = {"code": _WRONG_CODE}
        return page.render(
            "screens/app_code.html", status=422, wanted=wanted, start=None, picture="", mistakes=mistakes
        )
    if not done["recovery_codes"]:
        return took(page, done["step"], wanted)
    onwards = at_stage(str(done["step"]["stage"]), wanted)
    response = page.render("screens/recovery_codes.html", codes=done["recovery_codes"], onwards=onwards)
    keep(response, done["step"])
    return response


async def _begin(page: Page, wanted: str, mistakes: Mapping[str, str] | None = None) -> web.Response:
    asks = page.viewer.stage == "full" and (await page.call("session.factors"))["asks_password"]
    return page.render(
        "screens/app_begin.html",
        status=422 if mistakes else 200,
        wanted=wanted,
        asks_password=asks,
        has_passkeys=await page.call("session.offers_passkeys"),
        mistakes=mistakes or {},
    )


async def show_password(page: Page) -> web.Response:
    """The form."""
    if page.viewer.stage != "change":
        return page.redirect(with_next(SIGN_IN, next_path(page)))
    return page.render("screens/choose_password.html", wanted=next_path(page), mistakes={}, reasons=())


async def choose(page: Page) -> web.Response:
    """The new password of a sign-in that waits for one."""
    form = await page.form()
    wanted = next_path(page, form)
    mistakes = differing(form.get("password", ""), form.get("again", ""))
    reasons: tuple[str, ...] = ()
    if not mistakes:
        try:
            return took(page, await page.call("session.choose_password", password=form.get("password", "")), wanted)
        except PasswordUnfit as error:
            mistakes, reasons = unfit(error)
    return page.render("screens/choose_password.html", status=422, wanted=wanted, mistakes=mistakes, reasons=reasons)


def differing(password: str, again: str) -> dict[str, str]:
    """The mistake of two passwords that are not the same."""
    return {} if password == again else {"again": _DIFFERENT}


def unfit(error: PasswordUnfit) -> tuple[dict[str, str], tuple[str, ...]]:
    """The mistake of a password that breaks rules, and each rule."""
    return {"password": "This password cannot be used."}, error.reasons


def _picture(start: dict[str, Any]) -> str:
    """The QR code as the address of a picture: what another process drew is never part of our page."""
    svg = str(start["qr_svg"]).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
