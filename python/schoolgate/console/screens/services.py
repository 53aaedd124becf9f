"""Services by name, such as a video platform: what each is, which policies close it, how often it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.plain_words import group
from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/services", "Services", "services.list")
PAGE_ROWS: Final = 25
_DOES: Final = {"deny": "services.block", "allow": "services.allow"}


def add_routes(app: web.Application) -> None:
    """All of them; one; its change."""
    SCREEN.get(app, show)
    SCREEN.get(app, one, "/{service:[a-z0-9][a-z0-9-]{0,62}}")
    SCREEN.get(app, ask, "/{service:[a-z0-9][a-z0-9-]{0,62}}/{effect:deny|allow}")
    SCREEN.post(app, change, "/{service:[a-z0-9][a-z0-9-]{0,62}}/{effect:deny|allow}")


async def show(page: Page) -> web.Response:
    """By group and name; filtered by a word, a group, a state."""
    is_counted = page.query.get("use") == "yes"
    found = await page.call("services.list", counts_use=is_counted)
    rows = [row for row in found["services"] if _is_wanted(row, page.query)]
    if is_counted:
        rows.sort(key=lambda row: -(row["asked"] or 0))
    most = page.rows_shown(PAGE_ROWS)
    return page.render(
        "screens/services.html",
        rows=rows[:most],
        most=most,
        hidden=max(0, len(rows) - most),
        in_all=len(found["services"]),
        closed=sum(bool(row["denied"]) for row in found["services"]),
        groups=sorted({row["group"] for row in found["services"]}),
        is_counted=is_counted,
        not_counted=found["not_counted"],
    )


async def one(page: Page) -> web.Response:
    """What a service is, and for whom it is closed; beside the table, or a page."""
    row = await _found(page, counts_use=True)
    segments = (await page.call("segments.list"))["segments"]
    template = "screens/service_panel.html" if page.is_fragment else "screens/service.html"
    return page.render(template, row=row, segments=segments)


async def ask(page: Page) -> web.Response:
    """For whom, and why."""
    return await _ask(page)


async def change(page: Page) -> web.Response:
    """Closes or opens it."""
    effect, form = page.request.match_info["effect"], await page.form()
    reason, chosen = form.get("reason", "").strip(), await page.form_list("segments")
    if effect == "allow" and not reason:
        return await _ask(page, {"reason": "Say why; a few words are enough."}, chosen, reason)
    service = page.request.match_info["service"]
    try:
        made = await page.call(_DOES[effect], service=service, segments=chosen, reason=reason)
    except FormRefused as error:
        field = "segments" if error.kind == "SegmentUnclear" else ""
        return await _ask(page, {field: str(error)}, chosen, reason)
    if made["applied"] is None:
        return await _ask(page, {"": "It is so already for these networks; nothing was changed."}, chosen, reason)
    return page.redirect(f"/policy/revisions/{made['applied']['revision']}?{urlencode({'made': effect})}")


async def _ask(
    page: Page, mistakes: Mapping[str, str] | None = None, chosen: list[str] | None = None, reason: str = ""
) -> web.Response:
    effect = page.request.match_info["effect"]
    page.need(_DOES[effect])
    row = await _found(page, counts_use=True)
    segments = (await page.call("segments.list"))["segments"]
    return page.render(
        "screens/service_change.html",
        status=422 if mistakes else 200,
        row=row,
        effect=effect,
        segments=[(one["id"], group(one["id"])) for one in segments],
        chosen=chosen if chosen is not None else page.request.query.getall("segment", []),
        mistakes=mistakes or {},
        reason=reason,
    )


async def _found(page: Page, *, counts_use: bool = False) -> Any:
    try:
        found = await page.call("services.list", service=page.request.match_info["service"], counts_use=counts_use)
    except OperationRefused as error:
        if error.kind == "NoSuchService":
            raise web.HTTPNotFound from None
        raise
    return found["services"][0]


def _is_wanted(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    words, state = query.get("q", "").strip().lower(), query.get("state", "")
    text = " ".join((row["name"], row["id"], row["group"], *row["domains"])).lower()
    is_right = {"closed": bool(row["denied"]), "open": not row["denied"]}.get(state, True)
    return words in text and query.get("group", "") in ("", row["group"]) and is_right
