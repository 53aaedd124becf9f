"""Lesson notices: a teacher announces a lesson in under a minute; who follows alerts sees what is expected."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.plain_words import group
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/lessons", "Lessons", "lesson.file")
LISTS = Screen("/lessons/lists", "Lists for lessons", "lesson.file")
DAYS: Final = 14
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")
_FIELDS: Final = ("topic", "group", "day", "starts", "ends", "sites", "opens")
_LIST_FIELDS: Final = ("title", "purpose", "names", "until")
_NO_LIST: Final = dict.fromkeys(_LIST_FIELDS, "")
_NOTHING: Final = dict.fromkeys(_FIELDS, "")


def add_routes(app: web.Application) -> None:
    """The form with what is announced, one notice with its alerts, and a notice that is withdrawn."""
    SCREEN.get(app, show)
    SCREEN.post(app, file)
    SCREEN.get(app, one, r"/{number:\d{1,12}}")
    SCREEN.post(app, withdraw, r"/{number:\d{1,12}}/withdraw")
    LISTS.get(app, show_lists)
    LISTS.post(app, propose)
    LISTS.post(app, agree, r"/{number:\d{1,12}}/agree")
    LISTS.post(app, end_list, r"/{number:\d{1,12}}/end")


async def show(page: Page) -> web.Response:
    """What is announced for the next days, and the form."""
    return await _shown(page, _NOTHING, ())


async def file(page: Page) -> web.Response:
    """Announces it."""
    posted, segments = await page.form(), await page.form_list("segments")
    given = {name: posted.get(name, "").strip() for name in _FIELDS}
    mistakes, wanted = _read(given)
    if not mistakes:
        try:
            made = await page.call("lesson.file", **wanted, segments=segments)
            return page.redirect(f"/lessons?done={made['number']}")
        except FormRefused as error:
            mistakes = {_field(str(error)): str(error)}
    return await _shown(page, given, segments, mistakes)


async def one(page: Page) -> web.Response:
    """One notice, and the alerts that belong to it."""
    try:
        found = await page.call("lesson.show", number=int(page.request.match_info["number"]))
    except OperationRefused as error:
        if error.kind == "NoSuchRecord":
            raise web.HTTPNotFound from None
        raise
    return page.render("screens/lesson.html", **found, group=group)


async def withdraw(page: Page) -> web.Response:
    """Takes a notice back."""
    version = number_in((await page.form()).get("version", ""), 9)
    try:
        await page.call("lesson.withdraw", number=int(page.request.match_info["number"]), version=version)
    except FormRefused as error:
        return await _shown(page, _NOTHING, (), {"": str(error)})
    return page.redirect("/lessons?withdrawn=yes")


async def show_lists(page: Page) -> web.Response:
    """Lists that lessons may open, those that wait for an approver, and the form."""
    return await _shown_lists(page, _NO_LIST, ())


async def propose(page: Page) -> web.Response:
    """Proposes a list."""
    page.need("lesson.propose_list")
    posted, segments = await page.form(), await page.form_list("segments")
    given = {name: posted.get(name, "").strip() for name in _LIST_FIELDS}
    names = given["names"].replace(",", " ").split()
    wanted: dict[str, Any] = {"title": given["title"], "purpose": given["purpose"], "until": given["until"] or None}
    try:
        if given["until"]:
            dt.date.fromisoformat(given["until"])
        await page.call("lesson.propose_list", names=names, segments=segments, **wanted)
    except ValueError:
        return await _shown_lists(page, given, segments, {"until": "Write the day as in 2026-12-04."})
    except FormRefused as error:
        return await _shown_lists(page, given, segments, {_list_field(str(error)): str(error)})
    return page.redirect("/lessons/lists?done=proposed")


async def agree(page: Page) -> web.Response:
    """Agrees to a list of another person."""
    page.need("lesson.agree_list")
    return await _stepped(page, "lesson.agree_list", "agreed")


async def end_list(page: Page) -> web.Response:
    """Ends a list; what lessons have open of it closes."""
    page.need("lesson.end_list")
    return await _stepped(page, "lesson.end_list", "ended")


async def _stepped(page: Page, operation: str, done: str) -> web.Response:
    version = number_in((await page.form()).get("version", ""), 9)
    try:
        await page.call(operation, number=int(page.request.match_info["number"]), version=version or 0)
    except FormRefused as error:
        return await _shown_lists(page, _NO_LIST, (), {"": str(error)})
    return page.redirect(f"/lessons/lists?done={done}")


async def _shown_lists(
    page: Page, given: Mapping[str, str], chosen: Any, mistakes: Mapping[str, str] | None = None
) -> web.Response:
    known = await page.call("lesson.networks")
    return page.render(
        "screens/lesson_lists.html", status=422 if mistakes else 200, lists=await page.call("lesson.lists"),
        given=given, chosen=chosen, segments=[(one, group(one)) for one in known], mistakes=mistakes or {},
        done=page.query.get("done", ""), group=group,
    )  # fmt: skip


def _list_field(words: str) -> str:
    """The field that a refusal is about."""
    if "network" in words:
        return "segments"
    if "called" in words:
        return "title"
    return "until" if "no end" in words else "names"


async def _shown(
    page: Page, given: Mapping[str, str], segments: Any, mistakes: Mapping[str, str] | None = None
) -> web.Response:
    found = await page.call("lesson.list", days=DAYS)
    known = await page.call("lesson.networks")
    lists = [one for one in await page.call("lesson.lists") if one["state"] == "agreed" and not one["is_over"]]
    filed = number_in(page.query.get("done", ""), 12)
    return page.render(
        "screens/lessons.html", status=422 if mistakes else 200, lessons=found, given=given, chosen=segments,
        segments=[(one, group(one)) for one in known], mistakes=mistakes or {},
        filed=next((one for one in found if one["number"] == filed and one["is_own"]), None),
        is_withdrawn="withdrawn" in page.query, group=group, lists=[
            (str(one["number"]), f"{one['title']} ({', '.join(map(group, one['segments']))})") for one in lists
        ],
    )  # fmt: skip


def _read(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Mistakes by field, and the arguments of the operation."""
    mistakes: dict[str, str] = {}
    wanted: dict[str, Any] = {"topic": given["topic"], "group": given["group"]}
    if not given["topic"]:
        mistakes["topic"] = "Write what the lesson is about."
    for name, words in (("starts", "begins"), ("ends", "ends")):
        found = _CLOCK.fullmatch(given[name])
        if found is None:
            mistakes[name] = f"Write when the lesson {words}, such as 10:15."
        else:
            wanted[name] = f"{int(found[1]):02}:{found[2]}"
    if given["day"]:
        try:
            wanted["day"] = dt.date.fromisoformat(given["day"]).isoformat()
        except ValueError:
            mistakes["day"] = "Write the day as in 2026-12-04."
    if given["opens"]:
        wanted["opens"] = number_in(given["opens"], 12) or 0
    wanted["sites"] = given["sites"].replace(",", " ").split()
    return mistakes, wanted


def _field(words: str) -> str:
    """The field that a refusal is about."""
    if "network" in words:
        return "segments"
    if "list " in words:
        return "opens"
    if "site" in words:
        return "sites"
    return "ends" if "ends" in words or "hours" in words else "day" if "has passed" in words or "ahead" in words else ""
