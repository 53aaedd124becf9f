"""The first setup: one group of questions a page, a summary, and doing it. Nothing is written before the summary is
confirmed but the draft of the answers, so that another browser, or the command line, goes on with them.

Who may: before there is an account, who has the token of the first run; afterwards who has the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, FormRefused
from schoolgate.console.running_update import UPDATES
from schoolgate.console.screen import ANYONE, Handler, Page, Screen
from schoolgate.console.session_cookie import forget_setup_token, keep_setup_token, setup_token_of
from schoolgate.console.setup_forms import (
    EMPTY_ROWS,
    STEPS,
    SUMMARY,
    after,
    in_words,
    lines,
    mistakes_of,
    read_form,
    step_of,
)
from schoolgate.console.viewer import Viewer

SETUP = Screen("/setup", "Set up", ANYONE)
_IDS: Final = "|".join(one.id for one in STEPS)
_NO_TOKEN: Final = "This code cannot be used: it is wrong, was used, or is too old. Ask for a new one."
ROLES: Final = (
    ("network_manager", "Network manager"),
    ("safeguarding_lead", "Safeguarding lead (a head approves)"),
    ("head", "Head (another head approves)"),
    ("data_protection_officer", "Data protection officer (a head approves)"),
    ("governor", "Governor"),
    ("teacher", "Teacher"),
    ("provider", "IT provider"),
)


def add_routes(app: web.Application) -> None:
    """The way in, the pages of questions, the summary, doing it, and fetching lists."""
    SETUP.get(app, _guarded(begin))
    SETUP.post(app, take_code)
    SETUP.get(app, _guarded(show_step), f"/{{step:{_IDS}}}")
    SETUP.post(app, _guarded(take_step), f"/{{step:{_IDS}}}")
    SETUP.get(app, _guarded(show_summary), f"/{SUMMARY}")
    SETUP.post(app, _guarded(apply), f"/{SUMMARY}")
    SETUP.get(app, _guarded(show_update), "/update")
    SETUP.post(app, _guarded(update), "/update")


class _CodeNeeded(Exception):
    """Neither a right nor the code of the first run."""


def _guarded(handler: Handler) -> Handler:
    """Shows the way in where there is no right, and where the code is worth nothing any more."""

    async def handled(page: Page) -> web.StreamResponse:
        try:
            return await handler(page)
        except _CodeNeeded:
            return page.redirect("/setup")
        except AttemptRefused:
            if page.viewer.is_signed_in:
                raise
            response = page.render("screens/setup_code.html", status=403, mistakes={"token": _NO_TOKEN})
            forget_setup_token(response)
            return response

    return handled


async def begin(page: Page) -> web.Response:
    """Who asks without right or code types the code; else where the setup is."""
    acting = _acting(page)
    if acting is None:
        return page.render("screens/setup_code.html", mistakes={})
    look = await acting.call("setup.look")
    step = look["step"] if look["step"] in {one.id for one in STEPS} else SUMMARY if look["step"] else STEPS[0].id
    return page.render("screens/setup_begin.html", look=look, step=step, steps=STEPS)


async def take_code(page: Page) -> web.Response:
    """Takes the code of the first run, which is kept in a cookie of this browser."""
    token = (await page.form()).get("token", "").strip()
    try:
        await _as_holder(page, token).call("setup.look")
    except AttemptRefused:
        return page.render("screens/setup_code.html", status=422, mistakes={"token": _NO_TOKEN})
    response = page.redirect("/setup")
    keep_setup_token(response, token)
    return response


async def show_step(page: Page) -> web.Response:
    """The questions of one page, with what is answered already."""
    acting = _need(page)
    return await _step(page, acting, await acting.call("setup.look"))


async def take_step(page: Page) -> web.Response:
    """Keeps the answers of one page; goes on where they can be read."""
    acting, form = _need(page), await page.form()
    step = _shown(page)
    look = await acting.call("setup.look")
    answers = dict(look["answers"])
    given = read_form(step.id, form, answers)
    if step.id == "school" and given["school"] != answers["school"]:
        try:
            other = await acting.call("setup.look", school=given["school"])
        except FormRefused as error:
            return await _step(page, acting, look, {"school": str(error)})
        given = dict(other["answers"]) | {"time_zone": given["time_zone"]}
    kept = await acting.call("setup.draft", answers=given, step=after(step.id))
    look = await acting.call("setup.look")
    mistakes = mistakes_of(kept["problems"], step, given)
    if step.id == "lists" and form.get("recommended") == "yes" and form.get("accepts") != "yes":
        mistakes = {"accepts": "Read the licences, and tick that your school accepts them; or go on without the lists."}
    if mistakes:
        # Who leaves now comes back to this page.
        await acting.call("setup.draft", answers=given, step=step.id)
        return await _step(page, acting, look, mistakes)
    if "try" in form:
        return await _tried(page, acting, look, form)
    return page.redirect(f"/setup/{after(step.id)}")


async def show_summary(page: Page) -> web.Response:
    """Everything that would change, and what stands in the way."""
    acting = _need(page)
    return await _summary(page, acting, await acting.call("setup.look"))


async def apply(page: Page) -> web.Response:
    """Does it, and says what is left to do."""
    acting = _need(page)
    look = await acting.call("setup.look")
    try:
        done = await acting.call("setup.apply", answers=look["answers"])
    except FormRefused as error:
        return await _summary(page, acting, look, str(error))
    # The same request again does nothing more; codes of accounts are shown this once.
    return page.render("screens/setup_done.html", done=done)


async def update(page: Page) -> web.Response:
    """Begins to fetch the lists."""
    acting = _need(page)
    await _refuse_false_code(acting)
    page.request.app[UPDATES].begin(acting, {})
    return page.redirect("/setup/update")


async def show_update(page: Page) -> web.Response:
    """How far it is, or what came of it."""
    await _refuse_false_code(_need(page))
    return page.render("screens/setup_update.html", update=page.request.app[UPDATES].last)


async def _step(
    page: Page, acting: Page, look: Mapping[str, Any], mistakes: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    step = _shown(page)
    number = STEPS.index(step)
    values = {"tried": None, "mail_said": "", "recipient": "", **more}
    return page.render(
        f"screens/setup_{step.id}.html",
        status=422 if mistakes else 200,
        step=step,
        number=number + 1,
        count=len(STEPS) + 1,
        back=f"/setup/{STEPS[number - 1].id}" if number else "/setup",
        look=look,
        answers=look["answers"],
        lines=lines,
        empty_rows=EMPTY_ROWS,
        roles=ROLES,
        mistakes=mistakes or {},
        **values,
    )


async def _tried(page: Page, acting: Page, look: Mapping[str, Any], form: Mapping[str, str]) -> web.Response:
    """The page again, with what came of a trial."""
    answers = look["answers"]
    if _shown(page).id == "forwarders":
        try:
            tried = await acting.call("setup.try_forwarders", servers=answers["forwarders"])
        except FormRefused as error:
            return await _step(page, acting, look, {"forwarders": str(error)})
        return await _step(page, acting, look, tried=tried)
    recipient = form.get("recipient", "").strip()
    try:
        await acting.call("setup.try_mail", answers=answers, recipient=recipient)
    except FormRefused as error:
        return await _step(page, acting, look, {"recipient": str(error)}, recipient=recipient)
    return await _step(page, acting, look, mail_said=f"The message to {recipient} was taken.", recipient=recipient)


async def _summary(page: Page, acting: Page, look: Mapping[str, Any], mistake: str = "") -> web.Response:
    preview = await acting.call("setup.preview", answers=look["answers"])
    found = [(step_of(one["path"]), in_words(one)) for one in preview["problems"]]
    problems = [(f"/setup/{step.id}", step.title, words) for step, words in found]
    return page.render(
        "screens/setup_summary.html",
        status=422 if mistake else 200,
        look=look,
        preview=preview,
        problems=problems,
        count=len(STEPS) + 1,
        back=f"/setup/{STEPS[-1].id}",
        mistakes={"": mistake} if mistake else {},
    )


def _shown(page: Page) -> Any:
    return next(one for one in STEPS if one.id == page.request.match_info["step"])


def _acting(page: Page) -> Page | None:
    """The page as who has the right, or as the holder of the code; None where neither is."""
    if page.viewer.is_signed_in:
        page.need("setup.apply")
        return page
    token = setup_token_of(page.request)
    return _as_holder(page, token) if token else None


def _need(page: Page) -> Page:
    """The same; without it the way in is shown."""
    acting = _acting(page)
    if acting is None:
        raise _CodeNeeded
    return acting


async def _refuse_false_code(acting: Page) -> None:
    """Has the control process look at the code, for a page that asks it nothing else. Raises `AttemptRefused`."""
    if not acting.viewer.is_signed_in:
        await acting.call("setup.look", is_draft_used=False)


def _as_holder(page: Page, token: str) -> Page:
    return Page(page.request, page.screen, Viewer(replace(page.viewer.caller, session="", setup_token=token)))
