"""The local socket through which other processes of this machine speak with the running service.

One JSON object a line in, one out: {"command": "status"} -> {"ok": true, "result": ...} or {"ok": false, "error": ...}.
The file's rights are the only password: whoever may open the socket may command the service.
"""

from schoolgate.control.client import (
    CommandRefused,
    ControlUnreachable,
    NotRunning,
    call,
    call_if_running,
)
from schoolgate.control.server import ControlServer, ControlSocketUnusable

__all__ = [
    "CommandRefused",
    "ControlServer",
    "ControlSocketUnusable",
    "ControlUnreachable",
    "NotRunning",
    "call",
    "call_if_running",
]
