"""Search in the log: name and device and network and category and verdict and time, newest first."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from schoolgate.console.csv_text import csv_lines
from schoolgate.console.device_words import names_of
from schoolgate.console.errors import FactorNeeded, FormRefused
from schoolgate.console.log_filters import FilterUnclear, LogFilter, options_of
from schoolgate.console.log_words import key_of, shown_row
from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/log", "Search", "log.search")
REVEAL = Screen("/log/reveal", "Whose device?", "log.reveal")

ROWS: Final = 25
# Of a download; what is more is named in its last line.
MOST_ROWS_OF_CSV: Final = 50_000
_ROWS_AT_ONCE: Final = 2_500
_COLUMNS: Final = ("time", "device", "network", "policy", "name", "verdict", "layer", "category", "list", "rule")


def add_routes(app: web.Application) -> None:
    """The search, one row of it, its download, and who stands behind a pseudonym."""
    SCREEN.get(app, show)
    SCREEN.get(app, one_row, "/row")
    SCREEN.get(app, download, "/rows.csv")
    SCREEN.post(app, save, "/saved")
    SCREEN.post(app, forget, r"/saved/{number:\d{1,12}}/remove")
    REVEAL.get(app, ask_reason)
    REVEAL.post(app, reveal)


async def show(page: Page) -> web.Response:
    """The newest rows that match, or those after a cursor."""
    wanted = LogFilter.of(page.query)
    choices = await page.call("log.choices")
    sees_devices = page.viewer.sees_identities("log.search")
    values: dict[str, Any] = {"wanted": wanted, "options": options_of(choices), "sees_devices": sees_devices}
    values |= {"saved": await _saved(page), "name_mistakes": {}, "name": ""}
    try:
        found = await _search(page, wanted, choices, ROWS, page.query.get("after"))
    except FilterUnclear as error:
        return page.render("screens/search.html", 422, **values, **_nothing({error.field: str(error)}))
    except OperationRefused as error:
        if error.kind not in ("BadQuery", "BadCursor", "ArgumentsRefused"):
            raise
        return page.render("screens/search.html", 422, **values, **_nothing({"": str(error)}))
    named = await _names(page, found["rows"], choices)
    rows = [shown_row(one, choices["categories"], named) for one in found["rows"]]
    return page.render("screens/search.html", **values, rows=rows, found=found, mistakes={})


async def save(page: Page) -> web.Response:
    """Keeps the search of this address under a name."""
    wanted = LogFilter.of(page.query)
    if not page.viewer.sees_identities("log.search"):
        wanted = replace(wanted, device="")
    name = (await page.form()).get("name", "")
    try:
        await page.call("log.save_search", name=name[:80], query=wanted.query)
    except FormRefused as error:
        choices = await page.call("log.choices")
        return page.render(
            "screens/search.html", 422, wanted=wanted, options=options_of(choices), name=name,
            sees_devices=page.viewer.sees_identities("log.search"), saved=await _saved(page),
            name_mistakes={"name": str(error)}, **_nothing({}),
        )  # fmt: skip
    return page.redirect(wanted.address("/log"))


async def forget(page: Page) -> web.Response:
    """Removes a search that the viewer kept."""
    try:
        await page.call("log.remove_search", number=int(page.request.match_info["number"]))
    except OperationRefused as error:
        if error.kind != "NoSuchRecord":
            raise
        raise web.HTTPNotFound from None
    return page.redirect("/log")


async def one_row(page: Page) -> web.Response:
    """Everything that the log has of one question, beside the table."""
    at, choices = _time_of(page.query.get("at", "")), await page.call("log.choices")
    times = {"since": at.isoformat(), "until": (at + dt.timedelta(microseconds=1)).isoformat()}
    found = await page.call("log.search", filters=times | {"own_checks": "with"}, most=500, says_lost=False)
    for one in found["rows"]:
        if key_of(one) == page.query.get("key"):
            row = shown_row(one, choices["categories"], await _names(page, [one], choices))
            return page.render("screens/search_row.html", row=row, choices=choices, back=_back(page))
    raise web.HTTPNotFound


async def download(page: Page) -> web.StreamResponse:
    """The same rows as CSV, page after page, so that nothing grows with their number. With devices in it, it leaves
    only by a fresh second factor."""
    if page.viewer.sees_identities("log.search") and not page.viewer.is_fresh:
        raise FactorNeeded("a copy of the log with devices in it needs your second factor again", "FactorNeeded", 1)
    wanted, choices = LogFilter.of(page.query), await page.call("log.choices")
    try:
        found = await _search(page, wanted, choices, _ROWS_AT_ONCE, None)
    except FilterUnclear as error:
        raise web.HTTPBadRequest from error
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="schoolgate-log.csv"'})
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(page.request)
    # The mark at the begin makes spreadsheets read UTF-8.
    await response.write(("\ufeff" + csv_lines([_COLUMNS])).encode())
    sent = 0
    while True:
        await response.write(csv_lines(map(_fields, found["rows"])).encode("utf-8", "replace"))
        sent += len(found["rows"])
        if found["cursor"] is None:
            break
        if sent >= MOST_ROWS_OF_CSV:
            await response.write(csv_lines([(f"more rows match than {sent}; narrow the search",)]).encode())
            break
        found = await _search(page, wanted, choices, _ROWS_AT_ONCE, found["cursor"])
    await response.write_eof()
    return response


async def ask_reason(page: Page) -> web.Response:
    """The form; first the second factor, so that no reason is typed twice."""
    if not page.viewer.is_fresh:
        raise FactorNeeded("a code is needed before a device is revealed", "FactorNeeded", 1)
    device = page.query.get("device", "")
    return page.render("screens/reveal.html", device=device, reason="", address=None, mistakes={})


async def reveal(page: Page) -> web.Response:
    """Shows the address once; it is on record with its reason, and in no address of a page."""
    form = await page.form()
    device, reason = form.get("device", ""), form.get("reason", "")
    values: dict[str, Any] = {"device": device, "reason": reason}
    if not reason.strip():
        mistakes = {"reason": "Say why; it is kept with the record of who looked."}
        return page.render("screens/reveal.html", 422, **values, address=None, mistakes=mistakes)
    try:
        found = await page.call("log.reveal", pseudonym=device, reason=reason)
    except OperationRefused as error:
        if error.kind not in ("CannotReveal", "BadQuery", "ArgumentsRefused"):
            raise
        return page.render("screens/reveal.html", 422, **values, address=None, mistakes={"device": str(error)})
    return page.render(
        "screens/reveal.html", **values, address=found["address"], behind=found["devices"], mistakes={}
    )  # fmt: skip


async def _search(page: Page, wanted: LogFilter, choices: Any, most: int, after: str | None) -> Any:
    filters = wanted.arguments(choices["time_zone"], dt.datetime.now(dt.UTC))
    device = wanted.device if page.viewer.sees_identities("log.search") else ""
    async with asyncio.timeout(60):
        return await page.call(
            "log.search", filters=filters, client=device or None, most=most, after=after or None, says_lost=not after
        )


async def _saved(page: Page) -> list[tuple[int, str, str]]:
    """The viewer's own searches: number, name, address. What was kept is read as any address is."""
    if not page.viewer.may("log.saved"):
        return []
    found = await page.call("log.saved")
    return [(one["number"], one["name"], LogFilter.of(dict(parse_qsl(one["query"]))).address("/log")) for one in found]


async def _names(page: Page, rows: Any, choices: Any) -> Any:
    return await names_of(page, [(str(one["client"]), str(one["time"])) for one in rows], choices)


def _nothing(mistakes: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"cursor": None, "problems": [], "lost": None, "is_log_empty": False}
    return {"rows": [], "found": found, "mistakes": mistakes}


def _fields(row: Any) -> tuple[object, ...]:
    one = shown_row(row, {})
    return (
        one.time, one.device, one.segment, row["policy"], one.name or "(withheld)", one.verdict, row["layer"],
        row["category"], one.feed, row["rule"],
    )  # fmt: skip


def _time_of(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise web.HTTPNotFound from None


def _back(page: Page) -> str:
    """The search that the row was found by."""
    return LogFilter.of(page.query).address("/log")
