"""Lists: how old each truly is, what is wrong, an update now, what it changed and was used here, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.approved_request import mistakes_of, named_in
from schoolgate.console.category_names import category_names
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.running_update import UPDATES, keep_updates
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/lists", "Lists", "lists.show")
# What of a feed a person should look at.
WRONG: Final = frozenset({"stale", "failing", "failed", "held"})
SHOWN_EVENTS: Final = 10
SHOWN_NAMES: Final = 25


def add_routes(app: web.Application) -> None:
    """The lists in force; an update; its changes; back to an earlier serial, and on again."""
    keep_updates(app)
    SCREEN.get(app, show)
    SCREEN.post(app, update, "/update")
    SCREEN.get(app, progress, "/update")
    SCREEN.get(app, changes, "/changes")
    SCREEN.get(app, ask_undo, "/undo")
    SCREEN.post(app, undo, "/undo")
    SCREEN.post(app, unpin, "/unpin")


async def show(page: Page) -> web.Response:
    """What is in force, and the feeds with their ages."""
    try:
        found = await page.call("lists.show")
    except FormRefused as error:
        return page.render("screens/lists_none.html", why=str(error))
    feeds = await page.call("feeds.list", in_use=True)
    words = page.query.get("q", "").strip().lower()
    condition = page.query.get("condition", "")
    rows = [one for one in feeds if words in f"{one['id']} {one['name']} {one['category']}".lower()]
    rows = [one for one in rows if _has(one, condition)]
    return page.render(
        "screens/lists.html",
        titles=await category_names(page),
        lists=found,
        feeds=rows,
        in_all=len(feeds),
        used=sum(one["in_use"] for one in feeds),
        wrong=[one for one in feeds if one["in_use"] and one["condition"] in WRONG],
        waiting=[one for one in feeds if one["in_use"] and one["condition"] == "not fetched"],
        oldest=max((one["age_s"] for one in feeds if one["in_use"] and one["age_s"] is not None), default=None),
        sealed=await page.call("sealed.show"),
        events=found["events"][:SHOWN_EVENTS],
    )


async def update(page: Page) -> web.Response:
    """Begins an update; its page says how far it is."""
    page.need("lists.update")
    form = await page.form()
    feed = form.get("feed", "")
    arguments: dict[str, Any] = {"feeds": [feed] if feed else []}
    if form.get("accept"):
        arguments["accept"] = [form["accept"]]
    if form.get("all"):
        arguments["is_forced"] = True
    page.request.app[UPDATES].begin(page, arguments)
    return page.redirect("/lists/update")


async def progress(page: Page) -> web.Response:
    """The update that runs, or the one before; a part of a page is asked for again each second."""
    page.need("lists.update")
    template = "screens/lists_progress.html" if page.is_fragment else "screens/lists_update.html"
    return page.render(template, update=page.request.app[UPDATES].last)


async def changes(page: Page) -> web.Response:
    """Names that came and went; those that were asked for here first."""
    given = {name: number_in(page.query.get(name, "")) for name in ("before", "after")}
    try:
        found = await page.call("lists.changes", most=SHOWN_NAMES, **_given(given))
    except FormRefused as error:
        return page.render("screens/lists_changes.html", found=None, why=str(error))
    return page.render("screens/lists_changes.html", found=found, why="", titles=await category_names(page))


async def ask_undo(page: Page) -> web.Response:
    """What going back would take away."""
    return await _ask_undo(page, number_in(page.query.get("serial", "")))


async def undo(page: Page) -> web.Response:
    """Puts an earlier serial in force and holds it."""
    page.need("lists.rollback")
    form = await page.form()
    serial = number_in(form.get("serial", ""))
    try:
        arguments: dict[str, Any] = {"serial": serial, **named_in(form)}
        await page.call("lists.rollback", **arguments)
    except RightMissing as error:
        return await _ask_undo(page, serial, mistakes=mistakes_of(error))
    except FormRefused as error:
        return await _ask_undo(page, serial, str(error))
    return page.redirect("/lists?done=back")


async def unpin(page: Page) -> web.Response:
    """Lets updates publish again."""
    page.need("lists.unpin")
    await page.call("lists.unpin")
    return page.redirect("/lists?done=on")


async def _ask_undo(
    page: Page, serial: int | None, mistake: str = "", mistakes: Mapping[str, str] | None = None
) -> web.Response:
    page.need("lists.rollback")
    found = await page.call("lists.show")
    earlier = [one for one in sorted(found["kept"], reverse=True) if one < found["serial"]]
    wanted = serial if serial in earlier else earlier[0] if earlier else None
    changed = None
    if wanted is not None:
        try:
            changed = await page.call("lists.changes", before=wanted, after=found["serial"], most=SHOWN_NAMES)
        except FormRefused as error:
            mistake = mistake or str(error)
    return page.render(
        "screens/lists_undo.html",
        status=422 if mistake or mistakes else 200,
        lists=found,
        earlier=earlier,
        wanted=wanted,
        changed=changed,
        mistakes=mistakes or ({"": mistake} if mistake else {}),
    )


def _has(feed: Mapping[str, Any], condition: str) -> bool:
    if condition == "wrong":
        return feed["condition"] in WRONG
    return condition in ("", feed["condition"])


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
