"""The site without sign-in: what each request passes, and its few pages.

host is ours -> not too often -> from our own page -> body within its bounds -> the page, in the reader's language

No cookie is set or read, and no script is sent. Who asks is known by the connection's address alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from schoolgate.config.pages import Pages
from schoolgate.console import headers
from schoolgate.console.client_address import client_address
from schoolgate.console.errors import ConsoleProblem
from schoolgate.console.hosts import is_served, served_hosts
from schoolgate.console.operations_client import Caller, OperationsClient
from schoolgate.console.public.language import Language, Languages
from schoolgate.console.public.public_templates import PublicTemplates
from schoolgate.console.public.school_notice import SchoolNotice
from schoolgate.console.public.source_limit import SourceLimit
from schoolgate.console.same_origin import SAFE_METHODS
from schoolgate.operations.socket_messages import OperationRefused

STYLE: Final = Path(__file__).parents[1] / "assets" / "public.css"
ICON: Final = Path(__file__).parents[1] / "assets" / "favicon.svg"
LARGEST_BODY_OCTETS: Final = 4096
BODY_WITHIN_S: Final = 10.0
HEALTH: Final = "/healthz"
# Where the captive portal of a guest network says that a guest accepted the notice.
ACCEPTED: Final = "/guests/accepted"
SIGNATURE: Final = "Schoolgate-Signature"
_NONCE_OCTETS: Final = 20
_FOR_EVER: Final = "public, max-age=31536000, immutable"
# Sentences of errors that have one of their own.
_WORDS_OF: Final = {404: "not_found", 405: "not_found", 429: "too_many"}

# Of refusals to the captive portal, whose operator reads the sentence.
_STATUS_OF_PORTAL: Final = {
    "NoPortal": 404, "SignatureRefused": 403, "AcceptanceUnreadable": 422, "ArgumentsRefused": 422,
}  # fmt: skip

_BEGUN: Final = web.RequestKey("answer_begun", bool)
_log = logging.getLogger(__name__)
_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PublicSite:
    """Pages of one school. `application` serves them."""

    def __init__(self, pages: Pages, client: OperationsClient, limit: SourceLimit | None = None) -> None:
        self._pages = pages
        self._client = client
        self._limit = limit or SourceLimit()
        self._notice = SchoolNotice(client)
        self._languages = Languages.load()
        self._hosts = served_hosts(pages)
        self._policy = _content_policy(pages.nonce_parent)
        self._style = STYLE.read_bytes()
        self._icon = ICON.read_bytes()
        style = f"/style-{hashlib.sha256(self._style).hexdigest()[:12]}.css"
        self._templates = PublicTemplates(pages, self._languages, style)
        self.application = self._application(style)

    def _application(self, style: str) -> web.Application:
        app = web.Application(
            middlewares=[self._errors, self._own_hosts, self._seldom_enough, self._own_forms],
            client_max_size=LARGEST_BODY_OCTETS,
        )
        app.on_response_prepare.append(self._put_headers)
        app.router.add_get(HEALTH, self._health)
        app.router.add_get(style, self._styled)
        # Browsers ask for it whatever a page says.
        app.router.add_get("/favicon.ico", self._icon_of_site)
        app.router.add_get("/", self._why)
        app.router.add_post("/", self._shown_why)
        app.router.add_post("/ask", self._asked)
        app.router.add_get("/about", self._about)
        app.router.add_get("/guests", self._guests)
        app.router.add_post(ACCEPTED, self._guest_accepted)
        return app

    # -- pages ------------------------------------------------------------------------------------------------------

    async def _why(self, request: web.Request) -> web.Response:
        return await self._why_page(request)

    async def _shown_why(self, request: web.Request) -> web.Response:
        """The last block, and a new nonce beside it: the next look needs a new one."""
        nonce = await _nonce_of(request)
        found = await self._call(request, "pages.last_block", nonce=nonce) if nonce else {"said": None}
        return await self._why_page(request, is_answer=True, said=found["said"], said_nonce=nonce)

    async def _why_page(
        self, request: web.Request, *, is_answer: bool = False, said: Any = None, said_nonce: str = ""
    ) -> web.Response:
        nonce = {"nonce": "", "name": ""}
        try:
            nonce = await self._call(request, "pages.nonce")
        except (ConsoleProblem, OperationRefused) as error:
            # The page helps without it too.
            _log.warning("the why page has no nonce: %s", error)
        staff = ""
        if self._pages.console_address:
            given = f"?{urlencode({'name': said['name'], 'segment': said['segment']})}" if said else ""
            staff = f"{self._pages.console_address}/requests/new{given}"
        return self._page(
            request, "why.html", nonce=nonce, is_answer=is_answer, said=said, said_nonce=said_nonce, staff=staff
        )

    async def _asked(self, request: web.Request) -> web.Response:
        """The code for the teacher."""
        nonce = await _nonce_of(request)
        found = await self._call(request, "pages.ask_teacher", nonce=nonce) if nonce else {"code": None}
        return self._page(request, "asked.html", code=found["code"])

    async def _about(self, request: web.Request) -> web.Response:
        notice = await self._notice.get()
        response = self._page(request, "about.html", notice=notice, address=f"{self._pages.site_address}/about")
        response.enable_compression()
        return response

    async def _guests(self, request: web.Request) -> web.Response:
        return self._page(request, "guests.html", notice=await self._notice.get())

    async def _guest_accepted(self, request: web.Request) -> web.Response:
        """For a program: 204, or a status and a line that says what to do."""
        try:
            body = (await request.read()).decode()
            given = {"body": body, "signature": request.headers.get(SIGNATURE, "")}
            await self._call(request, "pages.guest_accepted", **given)
        except UnicodeDecodeError:
            return web.Response(status=400, text="the body is not UTF-8\n")
        except OperationRefused as error:
            status = _STATUS_OF_PORTAL.get(error.kind)
            if status is None:
                raise
            return web.Response(status=status, text=f"{error}\n")
        return web.Response(status=204)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _styled(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._style, content_type="text/css", headers={"Cache-Control": _FOR_EVER})

    async def _icon_of_site(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._icon, content_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    # -- what each request passes -----------------------------------------------------------------------------------

    @web.middleware
    async def _errors(self, request: web.Request, handler: _Next) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPMisdirectedRequest:
            # Another name: nothing of the school is said there.
            return web.Response(status=421, text="This name is not one of ours.\n")
        except web.HTTPException as error:
            status, allowed, retry = error.status, error.headers.get("Allow"), error.headers.get("Retry-After")
        except (ConsoleProblem, OperationRefused) as error:
            _log.warning("a public page waits: %s", error)
            status, allowed, retry = 503, None, None
        except Exception as error:
            if _BEGUN in request:
                raise
            _log.error("a public page failed: %s %s", request.method, request.path, exc_info=error)
            status, allowed, retry = 500, None, None
        response = self._page(request, "error.html", status=status, words=_WORDS_OF.get(status, "failed"))
        for name, value in (("Allow", allowed), ("Retry-After", retry)):
            if value:
                response.headers[name] = value
        if status in (408, 413):
            response.force_close()
        return response

    @web.middleware
    async def _own_hosts(self, request: web.Request, handler: _Next) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not is_served(hosts[0], self._hosts):
            raise web.HTTPMisdirectedRequest
        if not request.raw_path.startswith("/"):
            raise web.HTTPBadRequest
        return await handler(request)

    @web.middleware
    async def _seldom_enough(self, request: web.Request, handler: _Next) -> web.StreamResponse:
        address = self._address(request)
        wait = self._limit.wait_s(address)
        if not wait and request.method == "POST" and request.path != ACCEPTED:
            wait = self._limit.wait_s(address, looks=True)
        if wait:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(math.ceil(wait))})
        return await handler(request)

    @web.middleware
    async def _own_forms(self, request: web.Request, handler: _Next) -> web.StreamResponse:
        if _is_of_another_site(request):
            raise web.HTTPForbidden
        if request.headers.get("Content-Encoding"):
            raise web.HTTPUnsupportedMediaType
        if (request.content_length or 0) > LARGEST_BODY_OCTETS:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY_OCTETS, request.content_length or 0)
        if request.body_exists:
            try:
                async with asyncio.timeout(BODY_WITHIN_S):
                    await (request.read() if request.path == ACCEPTED else request.post())
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
            except ValueError:
                raise web.HTTPBadRequest from None
        return await handler(request)

    async def _put_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        headers.put_on(response.headers, is_tls=self._pages.has_certificate)
        response.headers["Content-Security-Policy"] = self._policy
        request[_BEGUN] = True

    # -- parts ------------------------------------------------------------------------------------------------------

    async def _call(self, request: web.Request, operation: str, **arguments: Any) -> Any:
        return await self._client.call(Caller(address=self._address(request)), operation, arguments)

    def _address(self, request: web.Request) -> str:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return client_address(request.remote or "", forwarded, self._pages.trusted_proxies)

    def _page(self, request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
        language, is_asked_for = self._language(request)
        text = self._templates.render(template, language, is_asked_for, own_paths(request.path), **values)
        response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
        response.headers["Content-Language"] = language.code
        response.headers["Vary"] = "Accept-Language"
        return response

    def _language(self, request: web.Request) -> tuple[Language, bool]:
        asked = request.query.get("lang", "")
        return self._languages.chosen(asked, request.headers.get("Accept-Language", "")), asked in self._languages.known


def own_paths(path: str) -> str:
    """The page that the switch of languages leads to: forms lead to pages, and what is not there to the first."""
    return path if path in ("/about", "/guests") else "/"


def _is_of_another_site(request: web.Request) -> bool:
    """Whether a form says that it is one of another site. An old browser says nothing, or "null": there is no session
    that a foreign form could use, and the nonce is known to our page alone."""
    if request.method in SAFE_METHODS:
        return False
    origin = request.headers.get("Origin", "null")
    try:
        is_foreign = origin != "null" and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()
    except ValueError:
        return True
    return is_foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


async def _nonce_of(request: web.Request) -> str:
    """The nonce of a form; "" for what is none of ours."""
    found = (await request.post()).get("nonce", "")
    is_one = isinstance(found, str) and len(found) == _NONCE_OCTETS and not found.strip("0123456789abcdef")
    return str(found) if is_one else ""


def _content_policy(nonce_parent: str) -> str:
    """No script at all; pictures of nonce names alone, which are asked for and never answered."""
    pictures = f"'self' *.{nonce_parent}" if nonce_parent else "'self'"
    parts: Mapping[str, str] = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": pictures,
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())
