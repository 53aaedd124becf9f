"""Reviews of filtering and monitoring: begin one with what the system knows, write it, sign it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.form_mistakes import mistakes_of
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/reviews", "Reviews", "review.list")
TRIGGERS: Final = {
    "annual": "The yearly review", "risk": "A new risk to safety was seen", "practice": "A change in how we work",
    "technology": "New technology", "ai": "A new AI tool", "incident": "Something happened", "other": "Something else",
}  # fmt: skip
STATES: Final = {"draft": "Being written", "signing": "Waits for signatures", "signed": "Signed"}
_ONE: Final = r"/{number:[0-9]{1,9}}"


def add_routes(app: web.Application) -> None:
    """The list, one review, and its steps."""
    SCREEN.get(app, show)
    SCREEN.post(app, begin)
    SCREEN.get(app, show_one, _ONE)
    SCREEN.post(app, save, _ONE)
    SCREEN.post(app, sign, f"{_ONE}/sign")


async def show(page: Page) -> web.Response:
    """Reviews, newest first, and whether the next is due."""
    return await _list(page)


async def begin(page: Page) -> web.Response:
    """Begins one; what the system knows is read now."""
    page.need("review.begin")
    form = await page.form()
    try:
        made = await page.call(
            "review.begin", trigger=form.get("trigger", "annual"), detail=form.get("detail", "").strip()
        )
    except FormRefused as error:
        return await _list(page, {"": str(error)})
    return page.redirect(f"{SCREEN.path}/{made['number']}")


async def show_one(page: Page) -> web.Response:
    """The review, as a form while it can be changed."""
    return await _one(page)


async def save(page: Page) -> web.Response:
    """Writes what was filled in."""
    page.need("review.save")
    form = await page.form()
    number = int(page.request.match_info["number"])
    fields = {name: value for name, value in form.items() if name != "version"}
    try:
        await page.call("review.save", number=number, version=number_in(form.get("version", "")) or 0, fields=fields)
    except FormRefused as error:
        return await _one(page, error, fields)
    return page.redirect(f"{SCREEN.path}/{number}?done=save")


async def sign(page: Page) -> web.Response:
    """Signs it, with a second factor that is fresh."""
    page.need("review.sign")
    number = int(page.request.match_info["number"])
    version = number_in((await page.form()).get("version", "")) or 0
    try:
        await page.call("review.sign", number=number, version=version)
    except FormRefused as error:
        return await _one(page, error)
    return page.redirect(f"{SCREEN.path}/{number}?done=sign")


async def _list(page: Page, mistakes: Mapping[str, str] | None = None) -> web.Response:
    before = number_in(page.query.get("before", ""))
    rows = await page.call("review.list", before=before)
    newest = next((one for one in rows if one["state"] == "signed"), None)
    return page.render(
        "screens/reviews.html", status=422 if mistakes else 200, rows=rows, triggers=TRIGGERS, states=STATES,
        under_way=next((one for one in rows if one["state"] != "signed"), None), newest=newest,
        is_overdue=newest is not None and _is_over(newest["due_us"]), mistakes=mistakes or {},
        more=f"{SCREEN.path}?before={rows[-1]['number']}" if len(rows) == 100 else None,
    )  # fmt: skip


async def _one(
    page: Page, error: OperationRefused | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    number = int(page.request.match_info["number"])
    try:
        found = await page.call("review.show", number=number)
    except FormRefused as refused:
        if refused.kind == "NoSuchRecord":
            raise web.HTTPNotFound from None
        raise
    review, form = found["review"], found["form"]
    actions = []
    if page.viewer.may("action.list"):
        listed = await page.call("action.list", is_all=True, origin="review", origin_number=number)
        actions = listed["actions"]
    return page.render(
        "screens/review.html", status=422 if error else 200, review=review, form=form, actions=actions,
        values={**review["fields"], **(given or {})}, states=STATES, triggers=TRIGGERS, done=page.query.get("done", ""),
        mistakes=mistakes_of(error, [one["name"] for one in form]) if error else {},
        is_open=review["state"] != "signed" and page.viewer.may("review.save"),
        may_sign=review["state"] != "signed" and page.viewer.may("review.sign")
        and not any(one["is_yours"] for one in review["signatures"]),
    )  # fmt: skip


def _is_over(due_us: int | None) -> bool:
    return due_us is not None and due_us <= dt.datetime.now(dt.UTC).timestamp() * 1_000_000
