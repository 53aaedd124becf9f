"""A pupil's code: a teacher types in what the why page showed, and sees which site it is for; no pupil is named."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from schoolgate.console.screen import SCREENS, Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/pupil-code", "A pupil's code", "pages.asked")

LONGEST: Final = 40
# Where a member of staff suggests a change; it takes the name and the segment from its address.
REQUESTS, NEW_REQUEST = "/requests", "/requests/new"
# Why the site is closed, as the page of the pupil says it.
_REASONS: Final = {
    "kind": "It is of a kind that is closed for this network: {kind}.",
    "own": "The school's own list closes it.",
    "while": "It is closed for a while.",
    "unknown": "This network can open only sites that the school has chosen.",
}
_KINDS: Final = {
    "unsafe": "sites that harm devices or steal passwords",
    "around": "ways around the filter",
    "chat": "chat and social media",
    "play": "games, films, music and stars",
    "ai": "artificial intelligence and bought homework",
    "money": "shops, adverts and money",
    "files": "copies, files and free web space",
}


def add_routes(app: web.Application) -> None:
    """The form and what the code stands for are one address."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """The form; with a code the site, the network and the reason."""
    code = page.query.get("code", "").strip()[:LONGEST]
    values: dict[str, Any] = {"code": code, "found": None, "reason": "", "mistakes": {}, "request": ""}
    if not code:
        return page.render("screens/pupil_code.html", **values)
    try:
        found = await page.call("pages.asked", code=code)
    except OperationRefused as error:
        if error.kind not in ("NoSuchCode", "ArgumentsRefused"):
            raise
        return page.render("screens/pupil_code.html", 422, **values | {"mistakes": {"code": str(error)}})
    values |= {"found": found, "reason": reason_in_words(found)}
    if REQUESTS in page.request.app[SCREENS]:
        values["request"] = f"{NEW_REQUEST}?{urlencode({'name': found['name'], 'segment': found['segment']})}"
    return page.render("screens/pupil_code.html", **values)


def reason_in_words(found: Any) -> str:
    """A sentence."""
    return _REASONS[found["reason"]].format(kind=_KINDS.get(found["kind"], "other sites"))
