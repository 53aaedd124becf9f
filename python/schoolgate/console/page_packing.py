"""Pages are sent compressed, so that a phone on a weak line has them at once.

Not to requests that a page of others may have caused: who can choose a part of a compressed page, and watch its length
on the wire, learns the rest letter by letter (BREACH). Browsers say in Sec-Fetch-Site where a request comes from.
Pupils choose names that stand in a page of the log, so the length of every page is a little random, too.
"""

from __future__ import annotations

import gzip
import io
import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import web

# A shorter answer fits into one packet as it is.
LEAST_OCTETS: Final = 1_200
# The most for its time: higher levels take twice as long for a hundredth less.
_LEVEL: Final = 5
# A difference of one octet among so many takes thousands of looks to see.
MOST_PADDING: Final = 100
_OURS: Final = frozenset({"same-origin", "none"})


def pack(headers: Mapping[str, str], response: web.StreamResponse) -> None:
    """Compresses a whole page where the browser takes it; leaves streams, files and assets as they are."""
    if not isinstance(response, web.Response) or response.content_type != "text/html":
        return
    response.headers["Vary"] = "Accept-Encoding, Sec-Fetch-Site"
    body = response.body
    if not isinstance(body, bytes) or len(body) < LEAST_OCTETS or "Content-Encoding" in response.headers:
        return
    if headers.get("Sec-Fetch-Site") in _OURS and "gzip" in headers.get("Accept-Encoding", ""):
        response.body = _packed(body)
        response.headers["Content-Encoding"] = "gzip"


def _packed(body: bytes) -> bytes:
    """Whole. The name that the format has room for (RFC 1952) is the padding."""
    out = io.BytesIO()
    with gzip.GzipFile("a" * (1 + secrets.randbelow(MOST_PADDING)), "wb", _LEVEL, out, mtime=0) as file:
        file.write(body)
    return out.getvalue()
