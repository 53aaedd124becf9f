"""Devices: those that asked lately, and one device with its times, its last blocks and its policy.

A device is no person, and no list here puts devices in an order of what they asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web

from schoolgate.console.device_words import names_of
from schoolgate.console.exam_words import exams_on
from schoolgate.console.explain_words import askable
from schoolgate.console.log_filters import LogFilter
from schoolgate.console.log_words import DENIED, short_device, shown_row
from schoolgate.console.plain_words import group, in_words, number, sentence
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/devices", "Devices", "device.show")

ROWS: Final = 25
DAYS: Final = {1: "the last day", 7: "the last 7 days", 30: "the last 30 days"}
_UNCLEAR: Final = ("BadQuery", "ArgumentsRefused")


def add_routes(app: web.Application) -> None:
    """The list, and one device."""
    SCREEN.get(app, show)
    SCREEN.get(app, one, "/{device:.{1,64}}")


async def show(page: Page) -> web.Response:
    """Devices that asked lately, for who may see them; for others the way to one device."""
    wanted = page.query.get("device", "").strip()[:64]
    if wanted:
        return page.redirect(f"/devices/{quote(wanted, safe='')}")
    choices = await page.call("log.choices")
    segment = page.query.get("segment", "")
    segment = segment if segment in choices["segments"] else ""
    most = ROWS * min(20, number_in(page.query.get("pages", ""), 3) or 1)
    found = None
    if page.viewer.may("device.list"):
        found = await page.call("device.list", segments=[segment] if segment else [], most=most)
    devices = found["devices"] if found else ()
    named = await names_of(page, [(str(o["client"]), str(o["last"])) for o in devices], choices)
    return page.render(
        "screens/devices.html", named=named, found=found, segment=segment, choices=choices,
        first=_first_of(found, segment),
        more=f"/devices?pages={most // ROWS + 1}" + (f"&segment={quote(segment)}" if segment else ""),
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """When it was here, what was blocked, and what its policy is. It is on record."""
    device = page.request.match_info["device"].strip()
    days = number_in(page.query.get("days", ""))
    days = days if days in DAYS else 7
    choices = await page.call("log.choices")
    try:
        found = await page.call("device.show", client=device, days=days)
    except OperationRefused as error:
        if error.kind not in _UNCLEAR:
            raise
        return page.render("screens/device_unknown.html", 422, device=device, why=str(error))
    zone = ZoneInfo(choices["time_zone"])
    now = dt.datetime.now(dt.UTC).astimezone(zone)
    named = (await names_of(page, [(device, str(found["last"] or ""))], choices)).get((device, str(found["last"])))
    sees_all = page.viewer.sees_identities("device.show")
    return page.render(
        "screens/device.html",
        exams=await exams_on(page, found["segment"]),
        device=device,
        days=days,
        periods=DAYS,
        found=found,
        named=named,
        first=_first_line(device, found, days, sees_all),
        sees_all=sees_all,
        blocks=[shown_row(row, choices["categories"]) for row in found["blocks"]],
        asked=totals(found["hours"], now, days),
        blocked=totals([one for one in found["hours"] if one["key"] in DENIED], now, days) if sees_all else None,
        categories=[(choices["categories"].get(one["value"], one["value"]), one) for one in found["categories"]],
        in_log=LogFilter(device=device, when="week"),
        who_opens=askable("policy.allow"),
    )


def totals(hours: list[Mapping[str, Any]], now: dt.datetime, days: int) -> list[tuple[str, int]]:
    """Sums by the hour of one day, by the day of more; on the clock of `now`, those without any too."""
    is_hourly = days == 1
    step = dt.timedelta(hours=1) if is_hourly else dt.timedelta(days=1)
    steps = 24 if is_hourly else days
    words = "%d %b %H:00" if is_hourly else "%d %b"
    sums = {(now - step * ago).strftime(words): 0 for ago in range(steps - 1, -1, -1)}
    for row in hours:
        label = dt.datetime.fromisoformat(str(row["at"])).astimezone(now.tzinfo).strftime(words)
        if label in sums:
            sums[label] += int(row["rows"])
    return [(label[-5:-3] if is_hourly else label, rows) for label, rows in sums.items()]


def _first_of(found: Any, segment: str) -> str:
    where = f" in {group(segment)}" if segment else ""
    if found is None:
        return "Look at one device: when it was here, and where."
    count = len(found["devices"])
    if not count:
        return f"No device asked for anything in the last 24 hours{where}."
    more = "More than " if found["is_cut"] else ""
    said = in_words(count, "device")
    return f"{more}{said if more else sentence(said)} asked in the last 24 hours{where}."


def _first_line(device: str, found: Mapping[str, Any], days: int, sees_all: bool) -> str:
    name = short_device(device)
    if not found["rows"]:
        return f"Device {name} was not seen in {DAYS[days]}."
    if not sees_all:
        return f"Device {name} was here in {DAYS[days]}."
    denied = found["denied"]
    said = (
        "nothing was blocked"
        if not denied
        else f"{number(denied)} of its questions {'was' if denied == 1 else 'were'} blocked"
    )
    return f"Device {name}: {said} in {DAYS[days]}."
