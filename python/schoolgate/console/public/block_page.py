"""What a device gets at an address that a policy gives for a closed name: over plain HTTP, for any host and any path,
the way to the why page. Nothing of the request is in the answer.

Over HTTPS there is nothing: a certificate for the names of others would be a lie, and its key a danger.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from markupsafe import Markup

from schoolgate.console import headers

_PAGE: Final = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Closed</title></head>'
    '<body><p>This site is closed here. <a href="{0}">Why? {0}</a></p></body></html>\n'
)


class BlockPage:
    """Answers every request with the same redirect. `address`: that of the why page."""

    def __init__(self, address: str) -> None:
        self._address = f"{address}/"
        self._page = _PAGE.format(self._address)

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """302 and not 301: what is closed now may be open later. Not for what sends something: 403."""
        is_look = request.method in ("GET", "HEAD")
        response = web.Response(status=302 if is_look else 403, text=self._page, content_type="text/html")
        if is_look:
            response.headers["Location"] = self._address
        headers.put_on(response.headers, is_tls=False)
        # The body of a request is not read.
        response.force_close()
        return response
