"""Who is called: the posts that an unseen alert goes to, by hours, as a sheet to print and hang beside a telephone."""

from __future__ import annotations

import datetime as dt
from typing import Final

from aiohttp import web

from schoolgate.console.screen import Page, Screen

SCREEN = Screen("/escalation", "Who is called", "escalation.show")

# Hours: title, and what they are.
HOURS: Final = (("school", "In school hours"), ("other", "Outside school hours"), ("always", "At any time"))
DAYS: Final = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip


def add_routes(app: web.Application) -> None:
    """The sheet."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """Each group of hours with its posts, in the order of their minutes."""
    found = await page.call("escalation.show")
    groups = [(title, [one for one in found["steps"] if one["hours"] == name]) for name, title in HOURS]
    return page.render(
        "screens/escalation.html", found=found, groups=groups, days=DAYS, recipient=recipient,
        closed=[holiday(one) for one in found["closed"]], place=found["time_zone"].rpartition("/")[2].replace("_", " "),
    )  # fmt: skip


def recipient(to: str) -> str:
    """To whom a message goes: a mail address, or another system by its name."""
    return f"the system “{to.removeprefix('webhook:')}”" if to.startswith("webhook:") else to


def holiday(stretch: str) -> str:
    """A day, or the first and last of several, in words."""
    days = [dt.date.fromisoformat(one) for one in stretch.split("..")]
    return " to ".join(dict.fromkeys(f"{one.day} {one:%B} {one.year}" for one in days))
