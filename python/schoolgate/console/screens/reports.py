"""Reports: made and read here, kept, taken away; and the numbers of the log by hour, as charts with their tables."""

from __future__ import annotations

import base64
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from schoolgate.console.category_names import category_names
from schoolgate.console.csv_text import download
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.plain_words import group
from schoolgate.console.screen import RENDERER, Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/reports", "Reports", "reports.list")
NUMBERS = Screen("/reports/numbers", "Numbers", "log.hours")

ROWS: Final = 25
KINDS: Final = {"weekly": "The last week", "daily": "The last day", "termly": "The last term"}
READERS: Final = {"governors": "Governors", "it": "IT", "safeguarding": "The safeguarding lead"}
# Of what was done with a question, what counts as a block.
_BLOCKED: Final = frozenset({"deny", "deny-revealed"})
MOST_PARTS: Final = 8


def add_routes(app: web.Application) -> None:
    """The list, a report, and the numbers."""
    SCREEN.get(app, show)
    SCREEN.get(app, read, "/made")
    SCREEN.post(app, keep, "/made")
    SCREEN.get(app, kept, r"/kept/{name:[a-z0-9-]{10,250}\.html}")
    NUMBERS.get(app, numbers)


async def show(page: Page) -> web.Response:
    """Reports that are kept, and the form that makes one."""
    return await _list(page)


async def read(page: Page) -> web.Response:
    """A report, made now. That it was read is on record."""
    given = _given(page.query)
    try:
        found = await page.call("reports.show", **_wanted(given))
    except FormRefused as error:
        return await _list(page, given, {"of": str(error)})
    signed = await page.call("reports.readings", report=found["name"])
    return page.render(
        "screens/report.html", report=found["page"], given=given, problems=found["problems"],
        readings=signed["readings"], may_sign=signed["may_sign"] and found["has_ended"],
        done=page.query.get("done", ""),
    )  # fmt: skip


async def keep(page: Page) -> web.Response:
    """Keeps a report as a file, hands it over, or signs that it was read."""
    form = await page.form()
    given = _given(form)
    try:
        if form.get("do") == "download":
            made = await page.call("reports.make", **_wanted(given), form="html")
            return download(f"report-{given['kind']}-{given['reader']}.html", made["text"], "text/html")
        if form.get("do") == "pdf":
            return _pdf(await page.call("reports.pdf", **_wanted(given)))
        if form.get("do") == "sign":
            page.need("reports.sign_read")
            await page.call("reports.sign_read", **_wanted(given))
            return page.redirect(f"{SCREEN.path}/made?{urlencode(given | {'done': 'sign'})}")
        page.need("reports.keep")
        await page.call("reports.keep", **_wanted(given))
    except FormRefused as error:
        return await _list(page, given, {"of": str(error)})
    return page.redirect(f"{SCREEN.path}?done=keep")


async def kept(page: Page) -> web.Response:
    """A kept report, as a file: it is a whole document of its own."""
    name = page.request.match_info["name"]
    try:
        return download(name, await page.call("reports.read", name=name), "text/html")
    except OperationRefused as error:
        if isinstance(error, RightMissing) or error.kind == "ReportUnclear":
            raise web.HTTPNotFound from None
        raise


def _pdf(found: Any) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="report-{found["name"]}"'}
    return web.Response(body=base64.b64decode(found["octets"]), content_type="application/pdf", headers=headers)


async def numbers(page: Page) -> web.Response:
    """Questions and blocks by hour, and what they were about, of one day or one week."""
    is_week = page.query.get("time") == "week"
    until = dt.datetime.now(dt.UTC)
    since = until - (dt.timedelta(days=7) if is_week else dt.timedelta(hours=24))
    asked: dict[str, Any] = {"since": since.isoformat(), "until": until.isoformat(), "is_by_day": is_week}
    try:
        by = {one: await page.call("log.hours", **asked, by=one) for one in ("verdict", "category", "segment")}
    except FormRefused as error:
        return page.render("screens/numbers.html", problem=str(error), is_week=is_week, sum=None)
    zone = page.request.app[RENDERER].zone
    titles = await category_names(page)
    counts = by["verdict"]["counts"]
    blocked = sum(one["rows"] for one in counts if one["key"] in _BLOCKED)
    return page.render(
        "screens/numbers.html", problem="", is_week=is_week, sum=sum(one["rows"] for one in counts), blocked=blocked,
        hours=_hours(counts, since, until, is_week=is_week, zone=zone),
        categories=_parts(by["category"]["counts"], titles),
        segments=_parts(by["segment"]["counts"], {}), problems=by["verdict"]["problems"],
    )  # fmt: skip


async def _list(
    page: Page, given: dict[str, str] | None = None, mistakes: dict[str, str] | None = None
) -> web.Response:
    found = await page.call("reports.list")
    readers: dict[str, list[str]] = {}
    for one in (await page.call("reports.readings"))["readings"]:
        readers.setdefault(one["report"], []).append(one["person"])
    rows = [_row(one) | {"read_by": readers.get(_row(one)["name"].removesuffix(".html"), ())} for one in found["kept"]]
    start = number_in(page.query.get("after", ""), 5) or 0
    return page.render(
        "screens/reports.html", status=422 if mistakes else 200, rows=rows[start : start + ROWS], count=len(rows),
        more=f"/reports?after={start + ROWS}" if len(rows) > start + ROWS else None, mistakes=mistakes or {},
        hidden=max(0, len(rows) - start - ROWS), given=given or _given({}), kinds=KINDS, may_read=found["readers"],
        readers=[(one, READERS[one]) for one in READERS if one in found["readers"]], segments=found["segments"],
        words=READERS, done=page.query.get("done", ""),
    )  # fmt: skip


def _given(form: Any) -> dict[str, str]:
    return {
        "kind": form.get("kind", "weekly"), "reader": form.get("reader", "governors"),
        "segment": form.get("segment", "")[:253], "of": form.get("of", "")[:40],
    }  # fmt: skip


def _wanted(given: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": given["kind"], "reader": given["reader"], "of": given["of"] or None,
        "segments": [given["segment"]] if given["segment"] else [],
    }  # fmt: skip


def _row(one: dict[str, Any]) -> dict[str, Any]:
    name = str(one["path"]).rpartition("/")[2]
    label, _, segment = name.removesuffix(".html").partition(f"-{one['reader']}")
    day, _, kind = label.rpartition("-")
    return {**one, "name": name, "day": day, "kind": kind, "segment": segment.removeprefix("-") or None}


def _hours(
    counts: list[dict[str, Any]], since: dt.datetime, until: dt.datetime, *, is_week: bool, zone: ZoneInfo | None
) -> list[tuple[str, tuple[int, int]]]:
    """(words, (open, blocked)) of each hour or day, those without rows too."""
    step = dt.timedelta(days=1) if is_week else dt.timedelta(hours=1)
    open_, blocked = Counter[dt.datetime](), Counter[dt.datetime]()
    for one in counts:
        (blocked if one["key"] in _BLOCKED else open_)[_utc(one["at"])] += one["rows"]
    at = since.replace(minute=0, second=0, microsecond=0)
    at = at.replace(hour=0) if is_week else at
    found = []
    while at < until:
        words = f"{at:%a %d}" if is_week else f"{at.astimezone(zone):%H}"
        found.append((words, (open_[at], blocked[at])))
        at += step
    return found


def _parts(counts: list[dict[str, Any]], titles: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """The most frequent, and the rest as one. `titles`: of categories."""
    sums = Counter[str]()
    for one in counts:
        if one["key"]:
            sums[one["key"]] += one["rows"]
    first = sums.most_common(MOST_PARTS)
    rest = sum(sums.values()) - sum(number for _, number in first)
    return [(titles.get(name) or group(name), number, f"{number:,}") for name, number in first] + (
        [("all others", rest, f"{rest:,}")] if rest else []
    )


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
