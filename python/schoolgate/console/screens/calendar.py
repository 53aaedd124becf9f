"""The school's calendar: terms and holidays, written by hand or taken from a calendar file after a look at it."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.approved_request import mistakes_of, named_in
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/calendar", "School calendar", "calendar.show")
KINDS: Final = (("holiday", "Holiday"), ("term", "Term"), ("inset", "Inset day, without pupils"), ("exam", "Exams"))
# What the operation takes; the file comes back from the preview as base64.
MOST_FILE_OCTETS: Final = 512 * 1024
_FIELDS: Final = ("kind", "title", "first", "last")
_NOTHING: Final = {"kind": "holiday", "title": "", "first": "", "last": ""}


def add_routes(app: web.Application) -> None:
    """The calendar with its forms, an entry that is removed, and a file: looked at, then taken."""
    SCREEN.get(app, show)
    SCREEN.post(app, write)
    SCREEN.post(app, remove, r"/{number:\d{1,12}}/remove")
    SCREEN.post(app, preview, "/file")
    SCREEN.post(app, take, "/take")


async def show(page: Page) -> web.Response:
    """Entries from two months ago on."""
    number = number_in(page.query.get("entry", ""), 12)
    found = await page.call("calendar.show", is_all="all" in page.query)
    entry = next((one for one in found["entries"] if one["number"] == number), None)
    given = _NOTHING if entry is None else {name: entry[name] for name in _FIELDS}
    return await _shown(page, given, entry=entry)


async def write(page: Page) -> web.Response:
    """Adds an entry, or changes the one that the form names."""
    page.need("calendar.set")
    posted = await page.form()
    given = {name: posted.get(name, "").strip() for name in _FIELDS}
    number, version = (number_in(posted.get(name, ""), 12) for name in ("number", "version"))
    mistakes = _mistakes(given)
    if not mistakes:
        try:
            wanted: dict[str, Any] = {**given, "last": given["last"] or None, **named_in(posted)}
            await page.call("calendar.set", **wanted, number=number, version=version)
            return page.redirect("/calendar?done=kept")
        except RightMissing as error:
            mistakes = mistakes_of(error)
        except FormRefused as error:
            mistakes = {_field(str(error)): str(error)}
    entry = {"number": number, "version": version} if number is not None else None
    return await _shown(page, given, mistakes, entry=entry)


async def remove(page: Page) -> web.Response:
    """Takes an entry out."""
    page.need("calendar.remove")
    posted = await page.form()
    number, version = int(page.request.match_info["number"]), number_in(posted.get("version", ""), 9)
    arguments: dict[str, Any] = {"number": number, "version": version, **named_in(posted)}
    try:
        await page.call("calendar.remove", **arguments)
    except RightMissing as error:
        return await _shown(page, _NOTHING, mistakes_of(error), removed={"number": number, "version": version})
    except FormRefused as error:
        return await _shown(page, _NOTHING, {"": str(error)})
    return page.redirect("/calendar?done=removed")


async def preview(page: Page) -> web.Response:
    """What a file would add and change; nothing is taken yet."""
    page.need("calendar.preview")
    posted = await page.request.post()
    file, otherwise = posted.get("file"), str(posted.get("otherwise") or "")
    if not isinstance(file, web.FileField) or not file.filename:
        return await _shown(page, _NOTHING, {"file": "Choose a calendar file first."})
    octets = file.file.read(MOST_FILE_OCTETS + 1)
    if len(octets) > MOST_FILE_OCTETS:
        said = f"This file has more than {MOST_FILE_OCTETS // 1024} KiB. Export terms and holidays alone."
        return await _shown(page, _NOTHING, {"file": said})
    return await _previewed(page, octets, otherwise)


async def take(page: Page) -> web.Response:
    """Takes the file that was looked at."""
    page.need("calendar.import")
    posted = await page.form()
    otherwise = posted.get("otherwise", "")
    try:
        octets = base64.b64decode(posted.get("content", ""), validate=True)
        arguments: dict[str, Any] = {"text": _text(octets), "otherwise": otherwise or None, **named_in(posted)}
        await page.call("calendar.import", **arguments)
    except RightMissing as error:
        return await _previewed(page, octets, otherwise, mistakes_of(error))
    except (FormRefused, binascii.Error) as error:
        said = str(error) if isinstance(error, FormRefused) else "Choose the file again."
        return await _shown(page, _NOTHING, {"file": said})
    return page.redirect("/calendar?done=taken")


async def _previewed(
    page: Page, octets: bytes, otherwise: str, mistakes: Mapping[str, str] | None = None
) -> web.Response:
    try:
        plan = await page.call("calendar.preview", text=_text(octets), otherwise=otherwise or None)
    except FormRefused as error:
        return await _shown(page, _NOTHING, {"file": str(error)})
    content = base64.b64encode(octets).decode("ascii")
    return page.render(
        "screens/calendar_file.html", status=422 if mistakes else 200, plan=plan, content=content, otherwise=otherwise,
        kinds=dict(KINDS), mistakes=mistakes or {},
    )  # fmt: skip


async def _shown(
    page: Page,
    given: Mapping[str, Any],
    mistakes: Mapping[str, str] | None = None,
    entry: Mapping[str, Any] | None = None,
    removed: Mapping[str, Any] | None = None,
) -> web.Response:
    found = await page.call("calendar.show", is_all="all" in page.query)
    return page.render(
        "screens/calendar.html", status=422 if mistakes else 200, calendar=found, given=given,
        mistakes=mistakes or {}, entry=entry, kinds=KINDS, kind_words=dict(KINDS), done=page.query.get("done", ""),
        is_all="all" in page.query, removed=removed,
    )  # fmt: skip


def _text(octets: bytes) -> str:
    return octets.decode("utf-8-sig", "replace")


def _mistakes(given: Mapping[str, str]) -> dict[str, str]:
    found = {}
    if not given["title"]:
        found["title"] = "Write what it is called, such as: autumn half term."
    for name in ("first", "last"):
        try:
            if given[name] or name == "first":
                dt.date.fromisoformat(given[name])
        except ValueError:
            found[name] = "Write the day as in 2026-10-26."
    if given["kind"] not in dict(KINDS):
        found["kind"] = "Choose what kind of days these are."
    return found


def _field(words: str) -> str:
    """The field that a refusal is about."""
    return "last" if "ends on" in words or "longer" in words or "year" in words else ""
