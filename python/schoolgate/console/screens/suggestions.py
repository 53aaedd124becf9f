"""Suggestions: names the school asked that look like something a list should know; and the words that find them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/suggestions", "Suggestions", "suggestions.list")
WORDS = Screen("/suggestions/words", "Word library", "words.list")

ROWS: Final = 25
KINDS: Final = (("word", "Word"), ("slang", "Slang"), ("abbreviation", "Abbreviation"), ("misspelling", "Misspelling"))
_GIVEN: Final = ("word", "category", "language", "kind", "note", "unless")


def add_routes(app: web.Application) -> None:
    """The queue and the library, with their forms."""
    SCREEN.get(app, show)
    SCREEN.post(app, decide)
    WORDS.get(app, words)
    WORDS.post(app, change_words)


async def show(page: Page) -> web.Response:
    """What waits, most asked first; or what was decided."""
    return await _queue(page)


async def decide(page: Page) -> web.Response:
    """Accepts, dismisses, or looks through the log again."""
    form = await page.form()
    name, does = form.get("name", ""), form.get("do", "")
    calls: dict[str, dict[str, Any]] = {
        "accept": {"name": name},
        "dismiss": {"name": name, "reason": form.get("reason", "").strip() or "looked at on the console"},
        "look": {"days": 7},
    }
    if does not in calls:
        raise web.HTTPBadRequest
    page.need(f"suggestions.{does}")
    try:
        found = await page.call(f"suggestions.{does}", **calls[does])
    except FormRefused as error:
        return await _queue(page, {"": str(error)})
    if does == "look":
        return page.redirect(f"{SCREEN.path}?found={found['new']}")
    return page.redirect(f"{SCREEN.path}?done={does}&name={quote(name, safe='')}")


async def words(page: Page) -> web.Response:
    """The words of the school and of its trust; a report of staff fills the form by the address."""
    return await _library(page, {name: page.query.get(name, "")[:253] for name in _GIVEN}, {})


async def change_words(page: Page) -> web.Response:
    """Tries, adds or removes a word."""
    form = await page.form()
    does = form.get("do", "")
    if does not in ("try", "add", "remove"):
        raise web.HTTPBadRequest
    page.need(f"words.{does}")
    given = {name: form.get(name, "").strip() for name in _GIVEN}
    if does != "remove" and not (given["word"] and given["category"]):
        return await _library(page, given, {"word": "Write a word and choose what it is about."})
    try:
        if does == "remove":
            await page.call("words.remove", word=given["word"])
            return page.redirect(f"{WORDS.path}?done=remove")
        tried = await page.call(f"words.{does}", **_arguments(does, given, is_accepted=form.get("accepted") == "yes"))
    except FormRefused as error:
        return await _library(page, given, {"word": str(error)}, is_refused=does == "add")
    return page.redirect(f"{WORDS.path}?done=add") if does == "add" else await _library(page, given, {}, tried)


def _arguments(does: str, given: dict[str, str], *, is_accepted: bool) -> dict[str, Any]:
    unless = [one.strip() for one in given["unless"].split(",") if one.strip()]
    found: dict[str, Any] = {"word": given["word"], "category": given["category"], "unless": unless}
    if does == "add":
        found |= {"language": given["language"] or "en", "kind": given["kind"] or "word", "note": given["note"]}
        found["is_accepted"] = is_accepted
    return found


async def _queue(page: Page, mistakes: dict[str, str] | None = None) -> web.Response:
    is_all = page.query.get("show") == "all"
    rows = await page.call("suggestions.list", is_all=is_all)
    start = number_in(page.query.get("after", ""), 6) or 0
    following = {**({"show": "all"} if is_all else {}), "after": str(start + ROWS)}
    has_more = len(rows) > start + ROWS
    return page.render(
        "screens/suggestions.html", status=422 if mistakes else 200, rows=rows[start : start + ROWS], is_all=is_all,
        open=sum(one["state"] == "open" for one in rows), mistakes=mistakes or {},
        more=str(page.request.rel_url.with_query(following)) if has_more else None,
        hidden=max(0, len(rows) - start - ROWS), done=page.query.get("done", ""),
        name=page.query.get("name", "")[:253], found=page.query.get("found", ""),
    )  # fmt: skip


async def _library(
    page: Page, given: dict[str, str], mistakes: dict[str, str], tried: dict[str, Any] | None = None,
    *, is_refused: bool = False,
) -> web.Response:  # fmt: skip
    libraries = await page.call("words.list")
    categories = sorted({one["category"] for library in libraries for one in library["content"]["word"]})
    return page.render(
        "screens/words.html", status=422 if mistakes else 200, libraries=libraries, categories=categories, tried=tried,
        given={**dict.fromkeys(_GIVEN, ""), **given}, mistakes=mistakes, kinds=KINDS, is_refused=is_refused,
        done=page.query.get("done", ""),
    )  # fmt: skip
