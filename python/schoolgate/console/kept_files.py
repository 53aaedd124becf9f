"""Files that people give and take: read from a form with a bound, and saved by the browser, never opened in a page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from schoolgate.console.screen import Page

# Of one request of the console, with room for the form around it.
MOST_FILE_OCTETS: Final = 900 * 1024


@dataclass(frozen=True)
class GivenFile:
    """`content`: base64. `mistake`: why there is none, "" where there is one."""

    name: str = ""
    media_type: str = ""
    content: str = ""
    mistake: str = ""


async def given_file(page: Page, field: str = "file") -> GivenFile:
    """What a form holds in a field."""
    given = (await page.request.post()).get(field)
    if not isinstance(given, web.FileField) or not given.filename:
        return GivenFile(mistake="Choose a file first.")
    octets = given.file.read(MOST_FILE_OCTETS + 1)
    if len(octets) > MOST_FILE_OCTETS:
        return GivenFile(mistake="This file is too large for the form: 900 KiB at most.")
    return GivenFile(given.filename[:200], given.content_type[:100], base64.b64encode(octets).decode())


def saved(name: str, content: str) -> web.Response:
    """A file as it was given. The browser saves it and opens nothing: what is in it is another's."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return web.Response(
        body=base64.b64decode(content),
        content_type="application/octet-stream",
        headers={"Content-Disposition": disposition},
    )
