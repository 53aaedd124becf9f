"""What needs a second person about accounts: roles to approve, lost factors, and the review of roles each quarter."""

from __future__ import annotations

import re
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen
from schoolgate.console.screens.accounts import words
from schoolgate.console.sign_in_steps import STEP_UP, with_next
from schoolgate.operations import rights

REQUESTS = Screen("/accounts/requests", "Requests about accounts", "account.requests")
REVIEW = Screen("/accounts/review", "Review of roles", "account.review")

_DEEDS: Final = {
    "approve": ("account.approve", "grant"),
    "refuse": ("account.refuse", "grant"),
    "agree": ("account.agree_reset", "reset"),
}
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def add_routes(app: web.Application) -> None:
    """Pages and forms."""
    REQUESTS.get(app, show)
    REQUESTS.post(app, decide)
    REVIEW.get(app, review)
    REVIEW.post(app, confirm)


async def show(page: Page) -> web.Response:
    """What waits for a decision."""
    return await _requests(page)


async def decide(page: Page) -> web.Response:
    """Approves, refuses, or agrees to a reset."""
    form = await page.form()
    if form.get("do", "") not in _DEEDS or not _UUID.fullmatch(form.get("id", "")):
        raise web.HTTPBadRequest
    operation, argument = _DEEDS[form["do"]]
    page.need(operation)
    try:
        wanted: dict[str, Any] = {argument: form["id"]}
        await page.call(operation, **wanted)
        return page.redirect(f"{REQUESTS.path}?done={form['do']}")
    except FormRefused as error:
        return await _requests(page, {"": str(error)})


async def review(page: Page) -> web.Response:
    """Every role that is held, the longest unreviewed first."""
    return await _review(page)


async def confirm(page: Page) -> web.Response:
    """Keeps a role for another quarter."""
    page.need("account.confirm")
    grant = (await page.form()).get("grant", "")
    if not _UUID.fullmatch(grant):
        raise web.HTTPBadRequest
    try:
        await page.call("account.confirm", grant=grant)
        return page.redirect(f"{REVIEW.path}?done=1")
    except FormRefused as error:
        return await _review(page, {"": str(error)})


async def _requests(page: Page, mistakes: dict[str, str] | None = None) -> web.Response:
    found = await page.call("account.requests")
    people = await _people(page)
    needs = "account.approve" in rights.NEEDS_FRESH_FACTOR and not page.viewer.is_fresh
    return page.render(
        "screens/account_requests.html", status=422 if mistakes else 200, found=found, mistakes=mistakes or {},
        again=with_next(STEP_UP, REQUESTS.path) if needs else "", done=page.query.get("done", ""),
        own=page.viewer.whoami["account_id"], **words(people),
    )  # fmt: skip


async def _review(page: Page, mistakes: dict[str, str] | None = None) -> web.Response:
    rows = await page.call("account.review")
    people = {one["id"]: one for one in await _people(page)}
    return page.render(
        "screens/account_review.html", status=422 if mistakes else 200, rows=rows, people=people,
        mistakes=mistakes or {}, due=sum(one["is_due"] for one in rows), own=page.viewer.whoami["account_id"],
        overdue=sum(one["is_overdue"] for one in rows), is_done="done" in page.query, **words(list(people.values())),
    )  # fmt: skip


async def _people(page: Page) -> list[dict[str, Any]]:
    """Those whom the viewer may see."""
    return await page.call("account.list") if page.viewer.may("account.list") else []
