"""Errors of the API as problem+json (RFC 9457). The type of a problem is stable, its detail is for people."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson
from aiohttp import web

from schoolgate.console.errors import ControlBusy, ControlNotRunning, ControlWentAway
from schoolgate.operations.socket_messages import OperationRefused

PATH: Final = "/api/v1/problems"
CONTENT_TYPE: Final = "application/problem+json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """A kind of problem: the last part of its type, its HTTP status, its title."""

    name: str
    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Kind("unreadable", 400, "The request cannot be read."),
            Kind("token-in-address", 400, "A token must not be part of an address."),
            Kind("token-missing", 401, "An API token is needed."),
            Kind("token-refused", 401, "The API token cannot be used."),
            Kind("scope-missing", 403, "The API token is not for this."),
            Kind("right-missing", 403, "The account may not do this."),
            Kind("person-needed", 403, "This needs a person with a second factor, at the console."),
            Kind("unknown-operation", 404, "There is no such operation."),
            Kind("method", 405, "This method is not for this address."),
            Kind("not-acceptable", 406, "Answers are JSON, or an event stream."),
            Kind("slow", 408, "The request came too slowly."),
            Kind("stale", 409, "It was changed meanwhile."),
            Kind("idempotency-busy", 409, "The request with this Idempotency-Key is not done yet."),
            Kind("stale-match", 412, "It was changed meanwhile: If-Match names an older revision."),
            Kind("too-large", 413, "The request is too large."),
            Kind("content-type", 415, "The body is not application/json."),
            Kind("host", 421, "This host name is not served here."),
            Kind("arguments", 422, "Arguments are missing, unknown or of another kind."),
            Kind("refused", 422, "It was not done."),
            Kind("answer-not-kept", 409, "It was done before; its answer is too long to be kept."),
            Kind("idempotency-mismatch", 422, "This Idempotency-Key was used for another request."),
            Kind("too-many", 429, "Too many requests."),
            Kind("defect", 500, "Something went wrong here."),
            Kind("unrecorded", 503, "It cannot be put on record."),
            Kind("done-unrecorded", 503, "It was done, and its end is not on record."),
            Kind("outcome-unknown", 503, "Whether it was done is not known here."),
            Kind("no-control", 503, "The part that does it is not running."),
            Kind("busy", 503, "Too many requests wait."),
        )
    }
)
# Error types of the control process; what is not here is `refused`.
_OF_OPERATIONS: Final = {
    "ApiTokenRefused": "token-refused",
    "ScopeMissing": "scope-missing",
    "NotPermitted": "right-missing",
    "FactorNeeded": "person-needed",
    "NoSuchOperation": "unknown-operation",
    "ArgumentsRefused": "arguments",
    "StalePolicy": "stale",
    "Defect": "defect",
    "NotRecorded": "unrecorded",
    "DoneNotRecorded": "done-unrecorded",
}
_OF_HTTP: Final = {
    404: "unknown-operation",
    405: "method",
    408: "slow",
    413: "too-large",
    415: "content-type",
    421: "host",
}


class ProblemFound(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self, kind: str, detail: str, mistakes: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[kind]
        self.detail = detail
        self.mistakes = tuple(mistakes)
        self.headers = dict(headers or {})


def found_of(error: Exception) -> ProblemFound:
    """The problem that an error of any kind is. What is not expected is a defect, and logged."""
    if isinstance(error, ProblemFound):
        return error
    if isinstance(error, OperationRefused):
        return _of_operation(error)
    if isinstance(error, ControlWentAway):
        return ProblemFound("outcome-unknown", str(error))
    if isinstance(error, ControlNotRunning | ControlBusy):
        kind = "busy" if isinstance(error, ControlBusy) else "no-control"
        return ProblemFound(kind, "try again in a moment", headers={"Retry-After": "5"})
    if isinstance(error, web.HTTPException):
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return ProblemFound(_OF_HTTP.get(error.status, "unreadable"), error.reason, headers=allow)
    _log.error("a request of the API failed", exc_info=error)
    return ProblemFound("defect", "the console's log has more; filtering goes on")


def response(problem: ProblemFound) -> web.Response:
    """The answer."""
    kind = problem.kind
    headers = {**problem.headers, **({"WWW-Authenticate": _challenge(kind)} if kind.status == 401 else {})}
    answer = web.Response(
        body=orjson.dumps(content(problem)), status=kind.status, content_type=CONTENT_TYPE, headers=headers
    )
    if kind.status in (408, 413):
        answer.force_close()
    return answer


def content(problem: ProblemFound) -> dict[str, Any]:
    """Its members (RFC 9457 section 3.1); `mistakes`: each one of the arguments."""
    kind = problem.kind
    value = {"type": f"{PATH}#{kind.name}", "title": kind.title, "status": kind.status, "detail": problem.detail}
    return {**value, "mistakes": problem.mistakes} if problem.mistakes else value


def as_kept(problem: ProblemFound) -> tuple[int, bytes]:
    """Its status and body."""
    return problem.kind.status, orjson.dumps(content(problem))


def retry_after(seconds: float) -> dict[str, str]:
    """The header, in whole seconds (RFC 9110 section 10.2.3)."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _challenge(kind: Kind) -> str:
    """RFC 6750 section 3: without a token no error is named."""
    error = ', error="invalid_token"' if kind.name == "token-refused" else ""
    return f'Bearer realm="schoolgate"{error}'


def _of_operation(error: OperationRefused) -> ProblemFound:
    kind = _OF_OPERATIONS.get(error.kind, "refused")
    wait_us = error.retry_after_us
    return ProblemFound(kind, str(error), error.mistakes, retry_after(wait_us / 1e6) if wait_us else None)
