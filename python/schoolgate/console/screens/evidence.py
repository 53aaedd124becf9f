"""Evidence packs: made, listed, downloaded; and the page of six sentences for governors."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen

SCREEN = Screen("/evidence", "Evidence", "evidence.list")
ASSURANCE = Screen("/assurance", "Assurance", "evidence.assurance")
ROWS: Final = 25
_TYPES: Final = {"pdf": "application/pdf", "json": "application/json"}


def add_routes(app: web.Application) -> None:
    """The list, a download, and the governors' page."""
    SCREEN.get(app, show)
    SCREEN.post(app, make)
    SCREEN.get(app, download, r"/{name:evidence-[0-9-]{17}(?:-posts)?\.(?:pdf|json)}")
    ASSURANCE.get(app, assurance)


async def show(page: Page) -> web.Response:
    """Packs that are kept, newest first."""
    return await _list(page)


async def make(page: Page) -> web.Response:
    """Makes one now, and keeps it."""
    page.need("evidence.make")
    try:
        made = await page.call("evidence.make")
    except FormRefused as error:
        return await _list(page, {"": str(error)})
    return page.redirect(f"{SCREEN.path}?made={made['posts']['name']}")


async def download(page: Page) -> web.Response:
    """A file of the shelf."""
    name = page.request.match_info["name"]
    try:
        found = await page.call("evidence.read", name=name)
    except FormRefused as error:
        if error.kind in ("NoSuchPack", "PackNamesStaff"):
            raise web.HTTPNotFound from None
        raise
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    octets = base64.b64decode(found["octets"])
    return web.Response(body=octets, content_type=_TYPES[name.rpartition(".")[2]], headers=headers)


async def assurance(page: Page) -> web.Response:
    """Six sentences, measured now."""
    found = await page.call("evidence.assurance")
    look = sum(one["is_met"] is not True for one in found["sentences"])
    return page.render("screens/assurance.html", found=found, look=look)


async def _list(page: Page, mistakes: Mapping[str, str] | None = None) -> web.Response:
    found = await page.call("evidence.list")
    packs = found["packs"]
    most = page.rows_shown(ROWS)
    made = next((one for one in packs if one["name"] == page.query.get("made")), None)
    return page.render(
        "screens/evidence.html", status=422 if mistakes else 200, packs=packs[:most], count=len(packs), made=made,
        mistakes=mistakes or {}, hidden=max(0, len(packs) - most), most=most,
    )  # fmt: skip
