"""What goes over the operations socket: one JSON object a line.

In: {"operation": "policy.apply", "arguments": {...}}: for the user of this machine who calls. With "session" (a token,
or "" before there is one), "api_token", or "setup_token" (of the first run): for that person instead, with none of the
caller's roles; "from": {"address", "user_agent"} says where the person is.

Out: any number of {"said": {...}}, then {"ok": true, "result": ...} or {"ok": false, "error": {"type", "message",
"exit_code"}}; an error has "retry_after_us" or "reasons" where it knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter

from schoolgate.config.diagnostics import Diagnostic
from schoolgate.errors import SchoolgateError
from schoolgate.operations.caller import Credentials
from schoolgate.operations.errors import ArgumentsRefused
from schoolgate.operations.work import Progress, Said

# A policy text, or a list that is handed over.
LARGEST_REQUEST_OCTETS = 8 * 1024 * 1024
LARGEST_REPLY_OCTETS = 64 * 1024 * 1024

# Of an operation's name, a token, an address, a browser's name.
LONGEST_TEXT = 2_000
# What an error knows besides its message: when to try again (microseconds), each rule that a password breaks or
# each mistake of arguments.
KNOWN_OF_ERRORS = ("retry_after_us", "reasons")
NO_REQUEST = (
    'a request is one line of JSON, such as {"operation": "policy.show", "arguments": {}}; "session", "api_token"'
    ' or "setup_token" is text, and "from" has "address" and "user_agent"'
)

_PROGRESS, _DIAGNOSTIC = TypeAdapter(Progress), TypeAdapter(Diagnostic)


class OperationRefused(SchoolgateError):
    """The control process did not do it; the message and the exit code are the operation's own. `kind`: its type.

    `mistakes`: each one of the arguments. `retry_after_us`: when it may be tried again, 0 where that is not known.
    """

    mistakes: tuple[str, ...] = ()
    retry_after_us: int = 0

    def __init__(self, message: str, kind: str, exit_code: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.exit_code = exit_code


@dataclass(frozen=True)
class Request:
    """A request as it was read."""

    operation: str
    arguments: dict[str, Any]
    credentials: Credentials


def read_request(octets: bytes) -> Request:
    """Raises `ArgumentsRefused`. What stands beside these keys is not read."""
    try:
        given = orjson.loads(octets)
        origin = given.get("from", {})
        request = Request(
            given["operation"],
            given.get("arguments", {}),
            Credentials(
                given.get("session"),
                given.get("api_token"),
                origin.get("address", ""),
                origin.get("user_agent", ""),
                given.get("setup_token"),
            ),
        )
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        raise ArgumentsRefused(NO_REQUEST) from None
    if not _is_request(request):
        raise ArgumentsRefused(NO_REQUEST)
    return request


def _is_request(request: Request) -> bool:
    given = request.credentials
    texts = (request.operation, given.address, given.user_agent)
    tokens = (given.session, given.api_token, given.setup_token)
    return (
        all(isinstance(one, str) and len(one) <= LONGEST_TEXT for one in texts)
        and all(one is None or (isinstance(one, str) and len(one) <= LONGEST_TEXT) for one in tokens)
        and sum(one is not None for one in tokens) <= 1
        and isinstance(request.arguments, dict)
    )


def line(value: Mapping[str, Any]) -> bytes:
    """One message. Dataclasses, enumerations and times become JSON. Raises `ArgumentsRefused` for text that is not
    UTF-8 and for numbers without measure."""
    try:
        return orjson.dumps(value, default=_plain_json) + b"\n"
    except TypeError as error:
        raise ArgumentsRefused(f"an argument cannot be written down ({error})") from None


def said(one: Said) -> bytes:
    """What the caller sees before the result."""
    return line({"said": one})


def read_said(value: Mapping[str, Any]) -> Said:
    """The inverse."""
    return _DIAGNOSTIC.validate_python(value) if "severity" in value else _PROGRESS.validate_python(value)


def _plain_json(value: Any) -> Any:
    """What JSON has no form for: fields of a record by name, anything else as text."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def done(result: Any) -> bytes:
    """The last message of a call that was done."""
    return line({"ok": True, "result": result})


def refused(error: SchoolgateError) -> bytes:
    """The last message of one that was not."""
    known = {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
    more = {name: getattr(error, name) for name in KNOWN_OF_ERRORS if getattr(error, name, None)}
    return line({"ok": False, "error": {**known, **more}})


def raise_refusal(error: Mapping[str, Any]) -> None:
    """Raises what `refused` wrote, as an `OperationRefused`."""
    raise OperationRefused(str(error["message"]), str(error["type"]), int(error["exit_code"]))
