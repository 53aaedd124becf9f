"""One search box: a site, a device, a category, a page. A question "why ...?" goes straight to its answer."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from schoolgate.console import finding, navigation
from schoolgate.console.finding import Found
from schoolgate.console.screen import SIGNED_IN, Page, Screen, shown_page

SCREEN = Screen("/find", "Find", SIGNED_IN)


def add_routes(app: web.Application) -> None:
    """What was typed is in the address."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """Goes where there is no doubt; else shows where it could go."""
    text = page.query.get("q", "").strip()[:253]
    known: dict[str, Any] = {"segments": (), "categories": {}}
    if text and page.viewer.may("log.choices"):
        known = await page.call("log.choices")
    device = finding.device_in(text)
    why = finding.why_path(text, known["segments"]) if page.viewer.may("explain.name") else ""
    if device and page.viewer.may("device.show"):
        return page.redirect(finding.device_path(device))
    if why and finding.is_question(text):
        return page.redirect(why)
    found = []
    if why:
        found.append(Found(f"Why is {finding.name_in(text)} open or closed?", why, "help"))
    if page.viewer.may("log.search") and text:
        found += finding.in_log(text, known["categories"])
    entries = navigation.reachable(shown_page(page.request, page.viewer, SCREEN))
    own = navigation.Entry("/account", "My account", "user")
    found += finding.pages_for(text, (*entries, own)) if text else []
    return page.render("screens/find.html", text=text, found=found)
