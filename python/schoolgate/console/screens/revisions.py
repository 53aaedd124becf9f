"""Revisions of the policy: what each changed, who did it and why, and back to an earlier one."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.approved_request import mistakes_of, named_in
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.past_use import last_month
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/policy/revisions", "Revisions", "policy.revisions")
PAGE_ROWS: Final = 25


def add_routes(app: web.Application) -> None:
    """The list, one of them, and back to it."""
    SCREEN.get(app, show)
    SCREEN.get(app, one, "/{number:[0-9]{1,9}}")
    SCREEN.get(app, undone, "/{number:[0-9]{1,9}}/kept")
    SCREEN.get(app, ask_back, "/{number:[0-9]{1,9}}/back")
    SCREEN.post(app, go_back, "/{number:[0-9]{1,9}}/back")


async def show(page: Page) -> web.Response:
    """Newest first; a word of reason or person filters."""
    rows = await page.call("policy.revisions")
    words = page.query.get("q", "").strip().lower()
    found = [one for one in rows if words in f"{one['number']} {one['who']} {one['why']}".lower()]
    most = page.rows_shown(PAGE_ROWS)
    return page.render(
        "screens/revisions.html", rows=found[:most], hidden=len(found) - most, most=most, in_all=len(rows)
    )


async def one(page: Page) -> web.Response:
    """What a revision changed. Right after a change it says so and can undo it."""
    rows, at = await _found(page)
    before = rows[at + 1]["number"] if at + 1 < len(rows) else None
    return page.render(
        "screens/revision.html",
        row=rows[at],
        before=before,
        lines=await _lines(page, before, rows[at]["number"]),
        is_latest=at == 0,
        made=page.query.get("made", ""),
        old=number_in(page.query.get("old", "")),
    )


async def undone(page: Page) -> web.Response:
    """What stands where the undo was, once its time is over."""
    return page.render("screens/revision_kept.html", number=_number(page))


async def ask_back(page: Page) -> web.Response:
    """What going back would change, before it is done."""
    rows, at = await _found(page)
    return await _ask_back(page, rows, at)


async def go_back(page: Page) -> web.Response:
    """Applies an older text as a new revision. An undo names the revision that it undoes."""
    rows, at = await _found(page)
    form = await page.form()
    reason, expected = form.get("reason", "").strip(), number_in(form.get("expected", ""))
    if not reason or expected is None:
        return await _ask_back(page, rows, at, {"reason": "Say why; a few words are enough."})
    try:
        given: dict[str, Any] = {"number": _number(page), "reason": reason, "expected": expected, **named_in(form)}
        made = await page.call("policy.rollback", **given)
    except (FormRefused, RightMissing) as error:
        return await _ask_back(page, rows, at, mistakes_of(error), reason)
    return page.redirect(f"/policy/revisions/{made['revision']}?made=back")


async def _ask_back(
    page: Page, rows: list[Any], at: int, mistakes: dict[str, str] | None = None, reason: str = ""
) -> web.Response:
    page.need("policy.rollback")
    latest, number = rows[0]["number"], rows[at]["number"]
    text = (await page.call("policy.show", number=number))["text"]
    found, why_not = await last_month(page, text)
    return page.render(
        "screens/revision_back.html",
        status=422 if mistakes else 200,
        row=rows[at],
        latest=latest,
        lines=await _lines(page, latest, number),
        replayed=found,
        why_not=why_not,
        mistakes=mistakes or {},
        reason=reason,
    )


async def _found(page: Page) -> tuple[list[Any], int]:
    rows = await page.call("policy.revisions")
    at = next((at for at, one in enumerate(rows) if one["number"] == _number(page)), None)
    if at is None:
        raise web.HTTPNotFound
    return rows, at


async def _lines(page: Page, old: int | None, new: int) -> list[str] | None:
    """None: there is nothing to compare with, or it is not for this viewer."""
    if old is None or not page.viewer.may("policy.compare"):
        return None
    found: list[str] = (await page.call("policy.compare", old=old, new=new))["lines"]
    return found


def _number(page: Page) -> int:
    return int(page.request.match_info["number"])
