"""The audit log on screen: who did what and when, who looked at the viewer's own account, and whether it is sound."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from aiohttp import web

from schoolgate.console.audit_words import ABOUT, details, parts, place, said
from schoolgate.console.csv_text import csv_file, download
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/audit", "Audit", "audit.log")

ROWS: Final = 25
# Of a table that is taken away; the whole log is an export of its own.
MOST_IN_TABLE: Final = 5_000
OUTCOMES: Final = {"done": "Done", "begun": "Begun", "refused": "Refused", "failed": "Failed"}
_COLUMNS: Final = ("epoch", "number", "time", "who", "actor", "operation", "scope", "outcome", "detail")
# A checkpoint has a few hundred octets, several have some thousand.
_MOST_NOTES: Final = 64 * 1024


def add_routes(app: web.Application) -> None:
    """The list, an entry, verification and exports."""
    SCREEN.get(app, show)
    SCREEN.get(app, verify, "/verify")
    SCREEN.post(app, verify, "/verify")
    SCREEN.post(app, export, "/export")
    SCREEN.get(app, table, "/table.csv")
    SCREEN.get(app, one, r"/{epoch:\d{1,12}}/{number:\d{1,15}}")


async def show(page: Page) -> web.Response:
    """Entries, newest first, as the filters choose."""
    chosen = _chosen(page)
    mistakes: dict[str, str] = {}
    found: dict[str, Any] = {"entries": [], "before": None, "names": {}, "is_own": False}
    try:
        found = await page.call("audit.log", **_wanted(chosen), most=ROWS, before=page.query.get("before") or None)
    except FormRefused as error:
        mistakes = {"": str(error)}
    return page.render(
        "screens/audit.html", status=422 if mistakes else 200, found=found, chosen=chosen, mistakes=mistakes,
        about=ABOUT, outcomes=OUTCOMES, said=said, parts=parts, is_filtered=any(chosen.values()),
        more=_address(page, chosen, before=found["before"]) if found["before"] else None,
        as_table=_address(page, chosen, path="/audit/table.csv"), is_own=found["is_own"],
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """An entry whole; where it shows personal values, the look is an entry of its own."""
    at = page.request.match_info
    try:
        found = await page.call("audit.show", number=int(at["number"]), epoch=int(at["epoch"]))
    except OperationRefused as error:
        if isinstance(error, RightMissing) or error.kind == "EntryMissing":
            raise web.HTTPNotFound from None
        raise
    around = await page.call("audit.log", most=1, before=f"{at['epoch']}/{int(at['number']) + 1}")
    plain, ids = details(found["entry"])
    return page.render(
        "screens/audit_entry.html", found=found, names=around["names"], outcomes=OUTCOMES, said=said, place=place,
        plain=plain, ids=ids,
    )  # fmt: skip


async def verify(page: Page) -> web.Response:
    """Verifies the log, with checkpoints that were kept elsewhere where there are any."""
    page.need("audit.verify")
    form = await page.form() if page.request.method == "POST" else {}
    given = {name: form.get(name, "").strip()[:_MOST_NOTES] for name in ("checkpoint", "key")}
    mistakes: dict[str, str] = {}
    found = None
    try:
        if page.request.method == "POST":
            notes = [given["checkpoint"] + "\n"] if given["checkpoint"] else []
            keys = [line.strip() for line in given["key"].splitlines() if line.strip()]
            found = await page.call("audit.verify", checkpoints=notes, keys=keys)
    except FormRefused as error:
        mistakes = {"checkpoint": str(error)}
    return page.render(
        "screens/audit_verify.html", status=422 if mistakes else 200, found=found, given=given, mistakes=mistakes
    )


async def export(page: Page) -> web.Response:
    """The whole log, for those who verify it elsewhere."""
    page.need("audit.export")
    return download("audit-export.jsonl", (await page.call("audit.export"))["text"], "application/jsonl")


async def table(page: Page) -> web.Response:
    """What the filters choose, for a spreadsheet."""
    wanted, before = _wanted(_chosen(page)), None
    rows: list[list[object]] = []
    while len(rows) < MOST_IN_TABLE:
        found = await page.call("audit.log", **wanted, most=500, before=before)
        rows += [_cells(entry, found["names"]) for entry in found["entries"]]
        before = found["before"]
        if before is None:
            break
    return csv_file("audit.csv", _COLUMNS, rows)


def _chosen(page: Page) -> dict[str, str]:
    query = page.query
    return {name: query.get(name, "")[:300] for name in ("about", "actor", "outcome", "from", "until", "me")}


def _wanted(chosen: dict[str, str]) -> dict[str, Any]:
    return {
        "operation": chosen["about"] or None, "actor": chosen["actor"] or None, "outcome": chosen["outcome"] or None,
        "since_us": _us(chosen["from"]), "until_us": _us(chosen["until"], days=1), "is_about_me": chosen["me"] == "1",
    }  # fmt: skip


def _us(day: str, days: int = 0) -> int | None:
    """The begin of a day, microseconds; None for what is no day."""
    try:
        begin = dt.datetime.fromisoformat(day[:10]).replace(tzinfo=dt.UTC) + dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return int(begin.timestamp()) * 1_000_000


def _address(page: Page, chosen: dict[str, str], path: str = "/audit", **more: str) -> str:
    given = {name: value for name, value in {**chosen, **more}.items() if value}
    return str(page.request.rel_url.with_path(path).with_query(given))


def _cells(entry: dict[str, Any], names: dict[str, str]) -> list[object]:
    at = entry["at_us"]
    time = "" if at is None else dt.datetime.fromtimestamp(at / 1e6, dt.UTC).isoformat(timespec="seconds")
    detail = "; ".join(f"{name}: {value}" for name, value in entry["detail"].items())
    return [
        entry["epoch"], entry["number"], time, names.get(entry["actor"], ""), entry["actor"], entry["operation"],
        entry["scope"], entry["outcome"], detail,
    ]  # fmt: skip
