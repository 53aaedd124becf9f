"""The local socket through which other processes of this machine speak with the running service.

One JSON object a line in, one out: {"command": "status"} -> {"ok": true, "result": ...} or {"ok": false, "error": ...}.
The file's rights are the only password: who may open the socket may command the service. What is named here is the
client's end, which needs no event loop; the service's is `server`.
"""

from schoolgate.control.client import (
    CommandRefused,
    ControlUnreachable,
    NotRunning,
    call,
    call_if_running,
)

__all__ = [
    "CommandRefused",
    "ControlUnreachable",
    "NotRunning",
    "call",
    "call_if_running",
]
