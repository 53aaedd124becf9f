"""What is open, or closed, for a while: until when, who answers for it and why; end it, or let it go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen
from schoolgate.console.screens.quick_change import LASTS

SCREEN = Screen("/exceptions", "Exceptions", "exceptions.list")
PAGE_ROWS: Final = 25
# What ends each kind; a name left out of a feed has its place among the lists.
_ENDS: Final = {"allow": "exceptions.end", "deny": "exceptions.end_deny"}


def add_routes(app: web.Application) -> None:
    """The list; end one; let one go on."""
    SCREEN.get(app, show)
    SCREEN.get(app, ask_end, "/end")
    SCREEN.post(app, end, "/end")
    SCREEN.get(app, ask_renew, "/renew")
    SCREEN.post(app, renew, "/renew")


async def show(page: Page) -> web.Response:
    """Those that end first come first."""
    has_ended, is_counted = page.query.get("ended") == "yes", page.query.get("hits") == "yes"
    every = await page.call("exceptions.list", has_ended=has_ended, counts_hits=is_counted)
    rows = [one for one in every["exceptions"] if _is_wanted(one, page.query)]
    most = page.rows_shown(PAGE_ROWS)
    running = [one for one in every["exceptions"] if not one["is_ended"] and one["kind"] != "feed"]
    return page.render(
        "screens/exceptions.html",
        rows=rows[:most],
        most=most,
        hidden=max(0, len(rows) - most),
        in_all=len(every["exceptions"]),
        opened=len({one["name"] for one in running if one["kind"] in ("allow", "lesson")}),
        closed=len({one["name"] for one in running if one["kind"] == "deny"}),
        soonest=next((one for one in running if one["until"]), None),
        groups=sorted({segment for one in every["exceptions"] for segment in one["segments"]}),
        is_counted=is_counted,
        not_counted=every["not_counted"],
        ends=_ENDS,
    )


async def ask_end(page: Page) -> web.Response:
    """What ending it does."""
    return await _ask_end(page, page.query)


async def end(page: Page) -> web.Response:
    """Ends it now."""
    form = await page.form()
    kind, reason = form.get("kind", ""), form.get("reason", "").strip()
    if kind not in _ENDS:
        raise web.HTTPNotFound
    if not reason:
        return await _ask_end(page, form, {"reason": "Say why; a few words are enough."})
    try:
        made = await page.call(_ENDS[kind], name=form.get("name", ""), policy=form.get("where", ""), reason=reason)
    except FormRefused as error:
        return await _ask_end(page, form, {"": str(error)})
    return page.redirect(f"/policy/revisions/{made['revision']}?made=ended")


async def ask_renew(page: Page) -> web.Response:
    """Until when, and why."""
    return await _ask_renew(page, page.query)


async def renew(page: Page) -> web.Response:
    """Lets it go on until another time."""
    form = await page.form()
    reason, until = form.get("reason", "").strip(), form.get("until", "").strip()
    if not reason:
        return await _ask_renew(page, form, {"reason": "Say why; a few words are enough."})
    given: dict[str, Any] = {"name": form.get("name", ""), "policy": form.get("where", ""), "reason": reason}
    given |= {"until": until} if until else {"lasts": form.get("lasts", "")}
    try:
        made = await page.call("exceptions.renew", **given)
    except FormRefused as error:
        field = "until" if error.kind in ("NotClear", "BadQuery") else ""
        return await _ask_renew(page, form, {field: str(error)})
    return page.redirect(f"/policy/revisions/{made['revision']}?made=renewed")


async def _ask_end(page: Page, given: Mapping[str, str], mistakes: dict[str, str] | None = None) -> web.Response:
    found = await _found(page, given)
    page.need(_ENDS.get(found["kind"], ""))
    return page.render(
        "screens/exception_end.html", status=_status(mistakes), one=found, mistakes=mistakes or {}, given=given
    )


async def _ask_renew(page: Page, given: Mapping[str, str], mistakes: dict[str, str] | None = None) -> web.Response:
    found = await _found(page, given)
    if found["kind"] != "allow" or not page.viewer.may("exceptions.renew"):
        raise web.HTTPNotFound
    shown = {"reason": given.get("reason", ""), "until": given.get("until", ""), "lasts": given.get("lasts", "1d")}
    return page.render(
        "screens/exception_renew.html",
        status=_status(mistakes),
        one=found,
        mistakes=mistakes or {},
        lasts=LASTS["allow"],
        given=shown,
    )


async def _found(page: Page, given: Mapping[str, str]) -> Any:
    """The entry that an address or a form names. 404 where there is none any more."""
    every = (await page.call("exceptions.list", has_ended=True))["exceptions"]
    wanted = tuple(given.get(name, "") for name in ("kind", "name", "where"))
    for one in every:
        if (one["kind"], one["name"], one["where"]) == wanted:
            return one
    raise web.HTTPNotFound


def _status(mistakes: dict[str, str] | None) -> int:
    return 422 if mistakes else 200


def _is_wanted(one: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    words, kind, segment = query.get("q", "").strip().lower(), query.get("kind", ""), query.get("group", "")
    text = f"{one['name']} {one['owner'] or ''} {one['reason']} {one['where']}".lower()
    return words in text and kind in ("", one["kind"]) and (not segment or segment in one["segments"])
