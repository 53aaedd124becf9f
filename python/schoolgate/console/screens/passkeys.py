"""Passkeys: signing in with one, giving one as the second factor, and adding or removing one's own."""

from __future__ import annotations

import uuid
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, FormRefused
from schoolgate.console.screen import ANYONE, SIGNED_IN, Page, Screen
from schoolgate.console.session_cookie import device_of
from schoolgate.console.sign_in_steps import (
    NEW_PASSKEY,
    PASSKEY,
    SIGN_IN,
    at_stage,
    keep,
    next_path,
    took,
    with_next,
)

USE = Screen(PASSKEY, "Use your passkey", ANYONE)
NEW = Screen(NEW_PASSKEY, "Add a passkey", ANYONE)
OWN = Screen("/account/passkeys", "Remove a passkey", SIGNED_IN)
ID: Final = r"/{passkey:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}}"

_UNKNOWN: Final = "That passkey did not work here. Try it again, or sign in another way."
_BEGIN_AGAIN: Final = "That took too long, or the device refused. Try it again."


def add_routes(app: web.Application) -> None:
    """Pages and forms."""
    USE.get(app, show)
    USE.post(app, give)
    NEW.get(app, ask)
    NEW.post(app, begin)
    NEW.post(app, register, "/answer")
    OWN.get(app, ask_removal, ID)
    OWN.post(app, remove, ID)


async def show(page: Page) -> web.Response:
    """The page with a challenge: before a sign-in, as its second step, or again before something weighty."""
    wanted = next_path(page)
    if page.viewer.stage in ("enrol", "change"):
        return page.redirect(at_stage(page.viewer.stage, wanted))
    return await _shown(page, wanted)


async def give(page: Page) -> web.Response:
    """The browser's answer."""
    form = await page.form()
    wanted = next_path(page, form)
    try:
        step = await page.call("session.passkey", answer=form.get("answer", ""), device=device_of(page.request))
    except FormRefused:
        return await _shown(page, wanted, _UNKNOWN)
    return took(page, step, wanted)


async def ask(page: Page) -> web.Response:
    """What the passkey is called, and the password where nothing else was given yet."""
    if page.viewer.stage not in ("enrol", "full"):
        return page.redirect(with_next(SIGN_IN, next_path(page)))
    return await _asked(page, next_path(page), {}, "")


async def begin(page: Page) -> web.Response:
    """The page that lets the device make the passkey."""
    form = await page.form()
    wanted, label = next_path(page, form), form.get("label", "").strip()
    if not (1 <= len(label) <= 80 and label.isprintable()):
        return await _asked(page, wanted, {"label": "Write which device it is, in up to 80 characters."}, label)
    try:
        options = await page.call("session.enrol_passkey_start", password=form.get("password") or None)
    except AttemptRefused as error:
        return await _asked(page, wanted, {"password" if error.kind == "SignInRefused" else "": str(error)}, label)
    return page.render("screens/passkey_new.html", wanted=wanted, label=label, options=options, mistakes={})


async def register(page: Page) -> web.Response:
    """The passkey; with an account's first factor come recovery codes, which are shown nowhere again."""
    form = await page.form()
    wanted, label = next_path(page, form), form.get("label", "").strip()
    try:
        done = await page.call("session.enrol_passkey", answer=form.get("answer", ""), label=label)
    except AttemptRefused:
        return await _asked(page, wanted, {"": _BEGIN_AGAIN}, label)
    if not done["recovery_codes"]:
        return took(page, done["step"], wanted)
    onwards = at_stage(str(done["step"]["stage"]), wanted)
    response = page.render("screens/recovery_codes.html", codes=done["recovery_codes"], onwards=onwards)
    keep(response, done["step"])
    return response


async def ask_removal(page: Page) -> web.Response:
    """Names what is removed."""
    return page.render("screens/passkey_remove.html", one=await _own(page), mistakes={})


async def remove(page: Page) -> web.Response:
    """Removes it; the last factor that a role needs stays."""
    one = await _own(page)
    try:
        await page.call("session.remove_passkey", passkey=one["id"])
    except AttemptRefused as error:
        return page.render("screens/passkey_remove.html", status=422, one=one, mistakes={"": str(error)})
    return page.redirect("/account")


async def _shown(page: Page, wanted: str, refused: str = "") -> web.Response:
    status = 422 if refused else 200
    try:
        options = await page.call("session.passkey_options")
    except AttemptRefused as error:
        # Passkeys are not set up here: the page says so.
        options, refused = "", refused or str(error)
    return page.render(
        "screens/passkey.html",
        status=status,
        wanted=wanted,
        options=options,
        mistakes={"": refused} if refused else {},
        other_way=_other_way(page, wanted),
    )


def _other_way(page: Page, wanted: str) -> str:
    """The same step by other means."""
    places = {"factor": "/sign-in/code", "full": "/sign-in/again"}
    return with_next(places.get(page.viewer.stage, SIGN_IN), wanted)


async def _asked(page: Page, wanted: str, mistakes: dict[str, str], label: str) -> web.Response:
    asks = page.viewer.stage == "full" and (await page.call("session.factors"))["asks_password"]
    return page.render(
        "screens/passkey_begin.html",
        status=422 if mistakes else 200,
        wanted=wanted,
        label=label,
        asks_password=asks,
        mistakes=mistakes,
    )


async def _own(page: Page) -> dict[str, Any]:
    """The passkey of the address. Raises 404."""
    wanted = str(uuid.UUID(page.request.match_info["passkey"]))
    found: list[dict[str, Any]] = (await page.call("session.factors"))["passkeys"]
    for one in found:
        if one["id"] == wanted:
            return one
    raise web.HTTPNotFound
