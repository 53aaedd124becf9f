"""The aiohttp application: what each request passes, in this order, and the routes of all screens.

host is ours -> same origin -> body within its bounds -> who looks -> the screen -> its answer, or the page of its error

The API has a door of its own: no cookie counts there, so nothing is asked of the origin, and its errors are JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from schoolgate.config.console import Console
from schoolgate.console import error_pages, headers, screens
from schoolgate.console.api import problem_details
from schoolgate.console.api.routes import add_api, is_for_api
from schoolgate.console.built_assets import PREFIX, BuiltAssets
from schoolgate.console.client_address import client_address
from schoolgate.console.hosts import is_served, served_hosts
from schoolgate.console.operations_client import Caller, OperationsClient
from schoolgate.console.page_packing import pack
from schoolgate.console.page_rendering import Renderer
from schoolgate.console.same_origin import SAFE_METHODS, is_from_our_pages
from schoolgate.console.screen import CLIENT, RENDERER, SCREENS, VIEWER
from schoolgate.console.session_cookie import session_of
from schoolgate.console.viewer import viewer_of

HEALTH: Final = "/healthz"
# A policy text is the longest that a form holds.
LARGEST_BODY_OCTETS: Final = 1024 * 1024
BODY_WITHIN_S: Final = 10.0
_METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}

_ASSETS: Final = web.AppKey("assets", BuiltAssets)
_SETTINGS: Final = web.AppKey("settings", Console)
_HOSTS: Final = web.AppKey("hosts", frozenset)

# In a request whose answer is being sent.
_BEGUN: Final = web.RequestKey("answer_begun", bool)
_log = logging.getLogger(__name__)

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(console: Console, client: OperationsClient, assets: BuiltAssets) -> web.Application:
    """The application of these settings. The caller closes the client."""
    app = web.Application(
        middlewares=[_errors, _own_hosts, _same_origin, _bounded_body, _viewer],
        client_max_size=LARGEST_BODY_OCTETS,
    )
    app[CLIENT], app[_ASSETS], app[_SETTINGS] = client, assets, console
    app[RENDERER], app[SCREENS] = Renderer(assets), {}
    app[_HOSTS] = served_hosts(console)
    app.on_response_prepare.append(_put_headers)
    app.router.add_get(HEALTH, _health)
    app.router.add_get(PREFIX + "{name}", _asset)
    add_api(app, console)
    for name in sorted(one.name for one in pkgutil.iter_modules(screens.__path__)):
        importlib.import_module(f"{screens.__name__}.{name}").add_routes(app)
    return app


async def _put_headers(request: web.Request, response: web.StreamResponse) -> None:
    headers.put_on(response.headers, is_tls=request.app[_SETTINGS].has_certificate)
    request[_BEGUN] = True


@web.middleware
async def _errors(request: web.Request, handler: _Next) -> web.StreamResponse:
    try:
        response = await handler(request)
    except Exception as error:
        if _BEGUN in request:
            raise _broken_off(request, error) from error
        if is_for_api(request):
            return problem_details.response(problem_details.found_of(error))
        response = error_pages.answer(request, error)
    pack(request.headers, response)
    # The cookie of an ended session stays: another tab may have set a new one meanwhile. Signing out takes it.
    return response


def _broken_off(request: web.Request, error: Exception) -> ConnectionError:
    """Closes a connection whose answer was begun: a second one would stand in the body of the first."""
    if not isinstance(error, ConnectionError):
        _log.error("an answer broke off: %s %s", request.method, request.path, exc_info=error)
    if request.transport is not None:
        request.transport.close()
    return ConnectionResetError("the answer broke off")


@web.middleware
async def _own_hosts(request: web.Request, handler: _Next) -> web.StreamResponse:
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not is_served(hosts[0], request.app[_HOSTS]):
        raise web.HTTPMisdirectedRequest
    if not request.raw_path.startswith("/"):
        raise web.HTTPBadRequest  # absolute form (RFC 9112 section 3.2.2): for proxies, which we are not
    return await handler(request)


@web.middleware
async def _same_origin(request: web.Request, handler: _Next) -> web.StreamResponse:
    if request.method not in _METHODS:
        raise web.HTTPMethodNotAllowed(request.method, _METHODS)
    if not is_for_api(request) and not is_from_our_pages(request.method, request.headers):
        raise web.HTTPForbidden
    return await handler(request)


@web.middleware
async def _bounded_body(request: web.Request, handler: _Next) -> web.StreamResponse:
    """Reads the body before anything is done: it comes whole within its time, or the request is not done."""
    if request.headers.get("Content-Encoding"):
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > LARGEST_BODY_OCTETS:
        raise web.HTTPRequestEntityTooLarge(LARGEST_BODY_OCTETS, request.content_length or 0)
    if request.body_exists:
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                is_read_whole = is_for_api(request) or request.content_type == "application/json"
                await (request.read() if is_read_whole else request.post())
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except ValueError:
            raise web.HTTPBadRequest from None
    return await handler(request)


@web.middleware
async def _viewer(request: web.Request, handler: _Next) -> web.StreamResponse:
    caller = Caller(session_of(request), _address(request), request.headers.get("User-Agent", "")[:300])
    if request.path == HEALTH or request.path.startswith(PREFIX) or is_for_api(request):
        return await handler(request)
    request[VIEWER] = await viewer_of(request.app[CLIENT], caller)
    request.app[RENDERER].use_zone(request[VIEWER].time_zone)
    return await handler(request)


async def _health(_request: web.Request) -> web.Response:
    """Whether this process answers. It says nothing of the filter: `schoolgate status` does."""
    return web.Response(text="ok\n")


async def _asset(request: web.Request) -> web.Response:
    return request.app[_ASSETS].answer(request)


def _address(request: web.Request) -> str:
    forwarded = request.headers.getall("X-Forwarded-For", [])
    return client_address(request.remote or "", forwarded, request.app[_SETTINGS].trusted_proxies)
