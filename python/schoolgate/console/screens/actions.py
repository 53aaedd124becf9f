"""Actions with owner and day, and the calendar of everything that is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.form_mistakes import mistakes_of
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/actions", "Actions and dates", "action.calendar")
DAYS: Final = 400
# Where a record of a kind is shown; of other kinds the list of them.
PATHS: Final = {
    "review": "/reviews/{}", "action": "/actions", "case": "/cases/{}", "check": "/checks",
    "change_request": "/requests/{}", "decision": "/registers/decisions",
    **{one: f"/registers/{one}/{{}}" for one in
       ("responsibility", "training", "aup_notice", "supplier", "risk", "meeting")},
}  # fmt: skip
ORIGINS: Final = {
    "review": "a review", "check": "a check", "case": "a case", "validator": "an external validator",
    "meeting": "a meeting", "risk": "the risk register", "other": "",
}  # fmt: skip


def add_routes(app: web.Application) -> None:
    """The page and its forms."""
    SCREEN.get(app, show)
    SCREEN.post(app, add)
    SCREEN.post(app, done, "/done")


async def show(page: Page) -> web.Response:
    """What is due, and the actions."""
    return await _page(page)


async def add(page: Page) -> web.Response:
    """Keeps a new action."""
    page.need("action.add")
    form = dict(await page.form())
    given: dict[str, Any] = {
        "what": form.get("what", ""), "owner": form.get("owner", ""), "due_on": form.get("due_on") or None,
        "origin": form.get("origin") or "other", "origin_number": number_in(form.get("origin_number", "")),
        "note": form.get("note", ""),
    }  # fmt: skip
    try:
        await page.call("action.add", **given)
    except FormRefused as error:
        return await _page(page, error, form)
    if given["origin"] == "review" and given["origin_number"]:
        return page.redirect(f"/reviews/{given['origin_number']}")
    return page.redirect(f"{SCREEN.path}?done=add")


async def done(page: Page) -> web.Response:
    """Says that one is done."""
    page.need("action.done")
    form = await page.form()
    number, version = number_in(form.get("number", "")), number_in(form.get("version", ""))
    if number is None or version is None:
        raise web.HTTPBadRequest
    try:
        await page.call("action.done", number=number, version=version, note=form.get("note", "").strip())
    except FormRefused as error:
        return await _page(page, error)
    return page.redirect(f"{SCREEN.path}?done=done")


async def _page(
    page: Page, error: OperationRefused | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    is_all = page.query.get("show") == "all"
    dues = (await page.call("action.calendar", days=DAYS))["dues"]
    actions: dict[str, Any] = {"actions": [], "form": []}
    if page.viewer.may("action.list"):
        actions = await page.call("action.list", is_all=is_all, before=number_in(page.query.get("before", "")))
    rows = actions["actions"]
    following = (
        f"{SCREEN.path}?before={rows[-1]['number']}{'&show=all' if is_all else ''}" if len(rows) == 100 else None
    )
    asked = {"origin": page.query.get("origin", "other"), "origin_number": page.query.get("number", "")}
    return page.render(
        "screens/actions.html", status=422 if error else 200, dues=dues, rows=rows, form=actions["form"],
        is_all=is_all, overdue=sum(one["is_overdue"] for one in dues), values={**asked, **(given or {})},
        mistakes=mistakes_of(error, [one["name"] for one in actions["form"]]) if error else {}, paths=PATHS,
        origins=ORIGINS, done=page.query.get("done", ""),
        more=following,
    )  # fmt: skip
