"""Entity tags (RFC 9110 section 8.8.3): the number of a policy's revision is the tag of its text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from schoolgate.console.api.operation_table import ApiOperation
from schoolgate.console.api.problem_details import ProblemFound

SHOWN: Final = "policy.show"
_TAG: Final = re.compile(r'"([0-9]{1,15})"')


def etag_of(name: str, arguments: Mapping[str, Any], result: Any) -> str:
    """The tag of a result, without its quotes; "" where it has none. A text by its number is not what may change."""
    is_latest = name == SHOWN and arguments.get("number") is None
    return str(result["number"]) if is_latest and isinstance(result, dict) else ""


def with_expected(given: Sequence[str], operation: ApiOperation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with the revision that If-Match names. Raises `ProblemFound`: nothing is done without the condition."""
    found = _TAG.fullmatch(given[0].strip()) if len(given) == 1 else None
    if not operation.has_expected:
        raise ProblemFound("unreadable", f"{operation.name} takes no If-Match; leave it out")
    if found is None:
        raise ProblemFound("unreadable", 'If-Match is the ETag of policy/show, such as "12"')
    expected = int(found[1])
    if arguments.get("expected", expected) != expected:
        raise ProblemFound("arguments", "If-Match and expected name two revisions; leave one out")
    return {**arguments, "expected": expected}


def answer(request: web.Request, body: bytes, etag: str, status: int = 200) -> web.Response:
    """JSON with its tag; 304 without a body where the client has it already."""
    if not etag:
        kind = "application/json" if status < 400 else "application/problem+json"
        return web.Response(body=body, status=status, content_type=kind)
    headers = {"ETag": f'"{etag}"'}
    tags = request.if_none_match or ()
    if any(one.value in (etag, "*") for one in tags):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
