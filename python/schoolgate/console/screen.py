"""A screen: its address, its title, the right it needs; and a page of it, which a handler fills.

    SCREEN = Screen("/alerts", "Alerts", "alerts.list")

    def add_routes(app: web.Application) -> None:
        SCREEN.get(app, show)
        SCREEN.post(app, close, "/close")

    async def show(page: Page) -> web.Response:
        return page.render("screens/alerts.html", rows=await page.call("alerts.list"))

A session without the right gets 404, as if there were no such screen. Handlers only shape what operations return.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from schoolgate.console.operations_client import OperationsClient, Say
from schoolgate.console.page_rendering import Renderer
from schoolgate.console.session_cookie import theme_of
from schoolgate.console.viewer import Viewer

# Beside the name of an operation: who may see a screen.
SIGNED_IN: Final = "@own"
ANYONE: Final = "@anyone"

CLIENT: Final = web.AppKey("client", OperationsClient)
RENDERER: Final = web.AppKey("renderer", Renderer)
SCREENS: Final = web.AppKey("screens", dict[str, "Screen"])
VIEWER: Final = web.RequestKey("viewer", Viewer)
SHOWN_SCREEN: Final = web.RequestKey("screen", object)


@dataclass(frozen=True)
class Screen:
    """`right`: the operation without whose right the address answers 404, `SIGNED_IN`, or `ANYONE`."""

    path: str
    title: str
    right: str

    def is_for(self, viewer: Viewer) -> bool:
        """Whether a viewer may know of it."""
        if self.right == ANYONE:
            return True
        return viewer.is_signed_in if self.right == SIGNED_IN else viewer.may(self.right)

    def get(self, app: web.Application, handler: Handler, below: str = "") -> None:
        """Adds a page at the screen's path, or at one below it."""
        self._add(app, "GET", handler, below)

    def post(self, app: web.Application, handler: Handler, below: str = "") -> None:
        """Adds a form's target."""
        self._add(app, "POST", handler, below)

    def _add(self, app: web.Application, method: str, handler: Handler, below: str) -> None:
        app[SCREENS].setdefault(self.path, self)

        async def handled(request: web.Request) -> web.StreamResponse:
            viewer = request[VIEWER]
            request[SHOWN_SCREEN] = self
            if not self.is_for(viewer):
                raise web.HTTPNotFound if viewer.is_signed_in else NotSignedIn
            return await handler(Page(request, self, viewer))

        path = (self.path.rstrip("/") + below) or "/"
        app.router.add_route(method, path, handled)


class NotSignedIn(Exception):
    """The page needs a session and there is none."""


class Page:
    """One request of a screen, and how it is answered."""

    def __init__(self, request: web.Request, screen: Screen, viewer: Viewer) -> None:
        self.request = request
        self.screen = screen
        self.viewer = viewer

    async def call(self, operation: str, /, say: Say | None = None, **arguments: Any) -> Any:
        """The result of an operation, asked in the name of the viewer. Raises as `OperationsClient.call` does; what
        is not caught becomes the page of its kind."""
        return await self.request.app[CLIENT].call(self.viewer.caller, operation, arguments, say)

    async def form(self) -> Mapping[str, str]:
        """Fields of a posted form; of a repeated one the first. Files are left out."""
        posted = await self.request.post()
        return {name: value for name, value in reversed(list(posted.items())) if isinstance(value, str)}

    async def form_list(self, name: str) -> list[str]:
        """Every value of a field, such as those of ticked boxes."""
        return [one for one in (await self.request.post()).getall(name, []) if isinstance(one, str)]

    @property
    def query(self) -> Mapping[str, str]:
        """Filters in the address."""
        return self.request.query

    def need(self, operation: str) -> None:
        """Answers 404 without the right to an operation: what the viewer may not do is not there."""
        if not self.viewer.may(operation):
            raise web.HTTPNotFound

    def rows_shown(self, at_least: int) -> int:
        """How many rows of a table the address asks for, as "more" below it does; at most 99,999."""
        return max(at_least, number_in(self.query.get("most", ""), 5) or 0)

    @property
    def is_fragment(self) -> bool:
        """Whether htmx swaps the answer into a part of a page: then it is that part alone."""
        return self.request.headers.get("HX-Request-Type") == "partial"

    def render(self, template: str, /, status: int = 200, **values: Any) -> web.Response:
        """An HTML answer."""
        text = self.request.app[RENDERER].render(template, page=self._shown(), **values)
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")

    def redirect(self, path: str) -> web.Response:
        """What follows a form that was done (303): reloading the page does not do it again. A path of ours alone."""
        path = own_path(path)
        if self.request.headers.get("HX-Request"):
            return web.Response(headers={"HX-Redirect": path})
        return web.Response(status=303, headers={"Location": path})

    def _shown(self) -> Mapping[str, Any]:
        return shown_page(self.request, self.viewer, self.screen)


Handler = Callable[[Page], Awaitable[web.StreamResponse]]


def shown_page(request: web.Request, viewer: Viewer, screen: Screen | None) -> Mapping[str, Any]:
    """What base.html knows of a request."""
    return {
        "viewer": viewer,
        "screen": screen,
        "title": screen.title if screen else "",
        "path": request.path,
        "path_qs": request.path_qs,
        "query": request.query,
        "theme": theme_of(request),
        "screens": request.app[SCREENS],
        "is_fragment": request.headers.get("HX-Request-Type") == "partial",
    }


def number_in(text: str, digits: int = 9) -> int | None:
    """A whole number of an address or a form; None for anything else, and for one of more digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None


def own_path(text: str) -> str:
    """A path of ours to go to; what could lead elsewhere becomes "/" (no open redirect)."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and len(text) <= 2000
    return text if is_ours and text.isascii() and text.isprintable() and "\\" not in text else "/"
