"""Schedules: which policy a group of devices has at which hour of the week, and what comes next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/schedules", "Schedules", "schedules.show")
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A policy for examinations is one whose name says so.
EXAM: Final = "exam"


def add_routes(app: web.Application) -> None:
    """All groups; the week of one."""
    SCREEN.get(app, show)
    SCREEN.get(app, week, "/{segment}")


async def show(page: Page) -> web.Response:
    """Who follows a schedule, what counts now, and the next change."""
    found = await page.call("schedules.show")
    rows = sorted(found["schedules"], key=lambda row: (not row["intervals"], row["segment"]))
    changes = [row for row in rows if row["next_change"]]
    return page.render(
        "screens/schedules.html",
        rows=rows,
        following=[row for row in rows if row["intervals"]],
        away=[row for row in rows if row["policy_now"] != row["policy"]],
        soonest=min(changes, key=lambda row: dt.datetime.fromisoformat(row["next_change"]), default=None),
        exams=[row for row in rows if _is_of_exams(row)],
        time_zone=found["time_zone"],
        now=found["now"],
    )


async def week(page: Page) -> web.Response:
    """Seven days, each from midnight to midnight."""
    day = _day(page.query.get("day", ""))
    try:
        found = await page.call("schedules.show", segment=page.request.match_info["segment"], day=day)
    except OperationRefused as error:
        if error.kind == "NoSuchSegment":
            raise web.HTTPNotFound from None
        raise
    row = found["schedules"][0]
    monday = dt.datetime.fromisoformat(row["week"][0]["begins"]).date()
    return page.render(
        "screens/schedule.html",
        row=row,
        days=[_shown_day(monday + dt.timedelta(days=at), row["week"]) for at in range(7)],
        monday=monday,
        before=monday - dt.timedelta(days=7),
        after=monday + dt.timedelta(days=7),
        today=dt.datetime.fromisoformat(found["now"]).date(),
        time_zone=found["time_zone"],
    )


def _is_of_exams(row: Mapping[str, Any]) -> bool:
    return any(EXAM in one for one in (row["policy"], *(slot["policy"] for slot in row["intervals"])))


def _shown_day(day: dt.date, slots: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """The stretches that touch a day, cut at its ends."""
    shown = []
    for slot in slots:
        begins, ends = (dt.datetime.fromisoformat(slot[name]).replace(tzinfo=None) for name in ("begins", "ends"))
        midnight = dt.datetime.combine(day, dt.time())
        first, last = max(begins, midnight), min(ends, midnight + dt.timedelta(days=1))
        if first < last:
            until = "24:00" if last.date() > day else f"{last:%H:%M}"
            shown.append({"from": f"{first:%H:%M}", "to": until, "policy": slot["policy"]})
    return {"name": DAYS[day.weekday()], "date": day, "slots": shown}


def _day(text: str) -> str | None:
    try:
        return dt.date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        return None
