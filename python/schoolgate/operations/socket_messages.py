"""What goes over the operations socket: one JSON object a line.

In: {"operation": "policy.apply", "arguments": {...}}. Out: any number of {"said": {...}}, then {"ok": true, "result":
...} or {"ok": false, "error": {"type", "message", "exit_code"}}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import TypeAdapter

from schoolgate.config.diagnostics import Diagnostic
from schoolgate.errors import SchoolgateError
from schoolgate.operations.errors import ArgumentsRefused
from schoolgate.operations.work import Progress, Said

# A policy text, or a list that is handed over.
LARGEST_REQUEST_OCTETS = 8 * 1024 * 1024
LARGEST_REPLY_OCTETS = 64 * 1024 * 1024

_PROGRESS, _DIAGNOSTIC = TypeAdapter(Progress), TypeAdapter(Diagnostic)


class OperationRefused(SchoolgateError):
    """The control process did not do it; the message and the exit code are the operation's own. `kind`: its type."""

    def __init__(self, message: str, kind: str, exit_code: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.exit_code = exit_code


def line(value: Mapping[str, Any]) -> bytes:
    """One message. Dataclasses, enumerations and times become JSON. Raises `ArgumentsRefused` for text that is not
    UTF-8 and for numbers without measure."""
    try:
        return orjson.dumps(value, default=str) + b"\n"
    except TypeError as error:
        raise ArgumentsRefused(f"an argument cannot be written down ({error})") from None


def said(one: Said) -> bytes:
    """What the caller sees before the result."""
    return line({"said": one})


def read_said(value: Mapping[str, Any]) -> Said:
    """The inverse."""
    return _DIAGNOSTIC.validate_python(value) if "severity" in value else _PROGRESS.validate_python(value)


def done(result: Any) -> bytes:
    """The last message of a call that was done."""
    return line({"ok": True, "result": result})


def refused(error: SchoolgateError) -> bytes:
    """The last message of one that was not."""
    return line(
        {"ok": False, "error": {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}}
    )


def raise_refusal(error: Mapping[str, Any]) -> None:
    """Raises what `refused` wrote, as an `OperationRefused`."""
    raise OperationRefused(str(error["message"]), str(error["type"]), int(error["exit_code"]))
