"""The page of each error: what happened, what still works, what to do. htmx gets the same as a fragment.

An error that is a defect is logged with its trace, and the page says nothing of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from schoolgate.console.errors import (
    ControlBusy,
    ControlNotRunning,
    FactorNeeded,
    RightMissing,
    SessionEnded,
    SignInUnfinished,
)
from schoolgate.console.operations_client import Caller
from schoolgate.console.screen import RENDERER, SHOWN_SCREEN, VIEWER, NotSignedIn, Screen, own_path, shown_page
from schoolgate.console.sign_in_steps import SIGN_IN, STEP_UP
from schoolgate.console.viewer import Viewer
from schoolgate.operations.socket_messages import OperationRefused

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Words:
    """A page: its first line, and what to do."""

    status: int
    first: str
    then: str


_BUSY: Final = Words(503, "Too many people are asking at once.", "Try again in a moment.")
_BY_STATUS: Final = {
    one.status: one
    for one in (
        Words(400, "This request cannot be read.", "Go back and try again."),
        Words(
            403, "This did not come from a page of this console.", "Open the page again here, and send it from there."
        ),
        Words(404, "There is no page here.", "Check the address, or start at Home."),
        Words(405, "This page does not do that.", "Go back and try again."),
        Words(408, "The request came too slowly.", "Check your connection, and send it again."),
        Words(413, "That is too large.", "Send less than 1 MB."),
        Words(415, "This kind of content is not taken.", "Send the form of the page."),
        Words(421, "This name is not one of ours.", "Use the address that your school gave you."),
        _BUSY,
    )
}
_DEFECT: Final = Words(500, "Something went wrong on this page.", "Try again. If it stays, tell your network manager.")
_NO_CONTROL: Final = Words(
    503,
    "The part that answers this page is not running.",
    "Wait a minute and try again; else tell your network manager.",
)


def answer(request: web.Request, error: Exception) -> web.StreamResponse:
    """The answer for an error of any kind."""
    if isinstance(error, web.HTTPException):
        return _of_http(request, error)
    if isinstance(error, SessionEnded | SignInUnfinished | NotSignedIn):
        return _go(request, SIGN_IN)
    if isinstance(error, FactorNeeded):
        return _go(request, STEP_UP)
    if isinstance(error, RightMissing):
        return _page(request, Words(403, "This is not yours to do.", str(error)))
    if isinstance(error, OperationRefused):
        return _page(request, Words(422, "That was not done.", str(error)))
    if isinstance(error, ControlNotRunning | ControlBusy):
        _log.warning("%s", error)
        return _page(request, _NO_CONTROL if isinstance(error, ControlNotRunning) else _BUSY)
    _log.error("a page failed: %s %s", request.method, request.path, exc_info=error)
    return _page(request, _DEFECT)


def _of_http(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        return error
    response = _page(request, _BY_STATUS.get(error.status, _BY_STATUS[400]))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    if error.status in (408, 413):
        response.force_close()
    return response


def _go(request: web.Request, path: str) -> web.Response:
    """To a page of the sign-in, and back afterwards."""
    target = f"{path}?{urlencode({'next': return_path(request)})}"
    if request.headers.get("HX-Request"):
        return web.Response(headers={"HX-Redirect": target})
    return web.Response(status=303, headers={"Location": target})


def return_path(request: web.Request) -> str:
    """The address that the browser opens after the sign-in: the page; for a form, the screen that it stands on."""
    screen = request.get(SHOWN_SCREEN)
    if request.method == "GET" and not request.headers.get("HX-Request"):
        return own_path(request.path_qs)
    return screen.path if isinstance(screen, Screen) else "/"


def _page(request: web.Request, words: Words) -> web.Response:
    viewer = request.get(VIEWER) or Viewer(Caller())
    shown = {**shown_page(request, viewer, None), "title": words.first.rstrip(".")}
    text = request.app[RENDERER].render("errors/error.html", page=shown, words=words)
    return web.Response(text=text, status=words.status, content_type="text/html", charset="utf-8")
