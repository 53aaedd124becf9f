"""The live log: what is asked now, filtered by the address, as a stream of server-sent events.

Without JavaScript the page shows the newest rows, and a link that shows newer ones. The stream ends with the session,
and after 15 minutes, so that a screen that is left alone does not go on looking.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import ConsoleProblem
from schoolgate.console.live_views import CANNOT_BE_READ, Batch, LiveViewer, LiveViews, Shown
from schoolgate.console.log_filters import LogFilter, options_of
from schoolgate.console.log_words import shown_row
from schoolgate.console.screen import CLIENT, RENDERER, Page, Screen, shown_page
from schoolgate.console.viewer import viewer_of
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/log/live", "Live log", "log.live")

FIRST_ROWS: Final = 25
LASTS_S: Final = 15 * 60.0
# Comments keep proxies from closing a silent stream; the right is asked for again with each, too.
SILENCE_S: Final = 10.0
_VIEWS: Final = web.AppKey("live_views", LiveViews)


def add_routes(app: web.Application) -> None:
    """The page and its stream."""
    app[_VIEWS] = LiveViews(app[CLIENT])
    app.on_shutdown.append(_close)
    SCREEN.get(app, show)
    SCREEN.get(app, stream, "/stream")


async def _close(app: web.Application) -> None:
    await app[_VIEWS].close()


async def show(page: Page) -> web.Response:
    """The newest rows of the last minute or so."""
    wanted, choices = LogFilter.of(page.query), await page.call("log.choices")
    sees_devices = page.viewer.sees_identities("log.live")
    values: dict[str, Any] = {"wanted": wanted, "options": options_of(choices), "sees_devices": sees_devices}
    try:
        found = await page.call("log.live", **_arguments(wanted, sees_devices), most=FIRST_ROWS)
    except OperationRefused as error:
        if error.kind not in ("BadQuery", "ArgumentsRefused"):
            raise
        nothing = {"sealed": 0, "left_out": 0}
        return page.render(
            "screens/live_log.html", 422, **values, rows=(), found=nothing, since="", mistakes={"": str(error)}
        )
    rows = [shown_row(one, choices["categories"]) for one in reversed(found["rows"])]
    since = max((one.time for one in rows), default=dt.datetime.now(dt.UTC).isoformat())
    return page.render("screens/live_log.html", **values, rows=rows, found=found, since=since, mistakes={})


async def stream(page: Page) -> web.StreamResponse:
    """Rows as they come, newest first in each batch, until the viewer, the session or the time ends it."""
    wanted, choices = LogFilter.of(page.query), await page.call("log.choices")
    sees_devices = page.viewer.sees_identities("log.live")
    arguments = _arguments(wanted, sees_devices)
    whose = page.viewer.login if arguments.get("client") else ""
    shown = Shown(whose, sees_devices, arguments.get("client") or "", tuple(sorted(_texts(wanted).items())))
    views = page.request.app[_VIEWS]
    viewer = views.join(shown, page.viewer.caller, arguments, _since(page))
    if viewer is None:
        raise web.HTTPServiceUnavailable
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
    response.content_type, response.charset = "text/event-stream", "utf-8"
    try:
        await response.prepare(page.request)
        await _send(page, response, viewer, wanted, choices)
    except ConnectionError:
        pass  # the viewer has gone
    finally:
        views.leave(shown, viewer)
    return response


async def _send(page: Page, response: web.StreamResponse, viewer: LiveViewer, wanted: LogFilter, choices: Any) -> None:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LASTS_S
    while True:
        batch = await viewer.next(min(SILENCE_S, max(0.0, ends_at - loop.time())))
        if why := await _why_over(page):
            batch = Batch(ended=why)
        elif loop.time() >= ends_at and (batch is None or not batch.ended):
            batch = batch or Batch()
            batch.ended = "Stopped after 15 minutes. Open the page again to go on looking."
        if batch is None:
            await response.write(b": still here\n\n")
            continue
        await response.write(_event(page, batch, wanted, choices))
        if batch.ended:
            await response.write(b"event: ended\ndata: ended\n\n")
            return


async def _why_over(page: Page) -> str:
    """Asked for each batch: a role that was taken away shows nothing more. Empty where the stream goes on."""
    try:
        viewer = await viewer_of(page.request.app[CLIENT], page.viewer.caller)
    except ConsoleProblem:
        return CANNOT_BE_READ
    is_same = viewer.sees_identities("log.live") == page.viewer.sees_identities("log.live")
    is_theirs = viewer.may("log.live") and is_same
    return "" if is_theirs else "Your session has ended, or the live log is no longer yours to see."


def _event(page: Page, batch: Batch, wanted: LogFilter, choices: Any) -> bytes:
    """One message: rows of a table, which htmx puts below its head. Its id says how far the viewer is."""
    rows = [shown_row(one, choices["categories"]) for one in reversed(batch.rows)]
    html = page.request.app[RENDERER].render(
        "screens/live_rows.html", page=shown_page(page.request, page.viewer, SCREEN), rows=rows, batch=batch,
        wanted=wanted,
    )  # fmt: skip
    last = max((one.time for one in rows), default="")
    head = f"id: {last}\n" if last else ""
    return f"{head}data: {' '.join(html.split())}\n\n".encode("utf-8", "replace")


def _arguments(wanted: LogFilter, sees_devices: bool) -> dict[str, Any]:
    filters = wanted.arguments("UTC", dt.datetime.now(dt.UTC), has_time=False)
    return {"filters": filters, "client": (wanted.device or None) if sees_devices else None}


def _texts(wanted: LogFilter) -> dict[str, str]:
    fields = ("name", "match", "segment", "category", "verdict", "checks")
    return {name: getattr(wanted, name) for name in fields}


def _since(page: Page) -> dt.datetime | None:
    """What the viewer has: after a lost connection as the browser says it, else as the page does."""
    text = page.request.headers.get("Last-Event-ID") or page.query.get("after", "")
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
