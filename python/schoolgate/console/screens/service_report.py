"""The monthly report of the service: a page to print, and a PDF."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen

SCREEN = Screen("/service-report", "Service report", "evidence.service")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def add_routes(app: web.Application) -> None:
    """The page, and the same as a file."""
    SCREEN.get(app, show)
    SCREEN.get(app, download, r"/{name:service-\d{4}-\d{2}\.pdf}")


async def show(page: Page) -> web.Response:
    """A month; the last whole one where none is chosen."""
    month, mistakes = page.query.get("month", "").strip(), {}
    try:
        if month and not _MONTH.fullmatch(month):
            mistakes = {"month": "Write a month such as 2026-11."}
        found = await page.call("evidence.service", month=None if mistakes or not month else month)
    except FormRefused as error:
        mistakes, found = {"month": str(error)}, await page.call("evidence.service")
    look = sum(one["state"] in ("look", "broken") for one in found["rows"])
    return page.render(
        "screens/service_report.html", status=422 if mistakes else 200, found=found, look=look, mistakes=mistakes,
        month=month or found["month"],
    )  # fmt: skip


async def download(page: Page) -> web.Response:
    """The PDF of a month."""
    name = page.request.match_info["name"]
    try:
        found: Any = await page.call("evidence.service_pdf", month=name[8:15])
    except FormRefused:
        raise web.HTTPNotFound from None
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=base64.b64decode(found["octets"]), content_type="application/pdf", headers=headers)
