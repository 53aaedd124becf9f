"""Arguments in the body of a request: one JSON object, not deep, in UTF-8."""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from schoolgate.console.api.problem_details import ProblemFound

CONTENT_TYPE: Final = "application/json"


def arguments_in_body(request: web.Request, octets: bytes) -> dict[str, Any]:
    """The arguments; none where the body is empty. Raises `ProblemFound`."""
    if not octets:
        return {}
    if request.content_type != CONTENT_TYPE or (request.charset or "utf-8").lower() != "utf-8":
        raise ProblemFound("content-type", f"send Content-Type: {CONTENT_TYPE}")
    try:
        found = orjson.loads(octets)
    except orjson.JSONDecodeError as error:
        raise ProblemFound("unreadable", f"the body is no JSON, at octet {error.pos}") from None
    if not isinstance(found, dict):
        raise ProblemFound("unreadable", 'the body is one JSON object, such as {"name": "example.com"}')
    try:
        orjson.dumps(found)  # what cannot be passed on: nested deeper than 254
    except TypeError as error:
        raise ProblemFound("unreadable", f"the body cannot be passed on ({error})") from None
    return found
