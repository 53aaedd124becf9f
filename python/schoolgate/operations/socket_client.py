"""The asking end of the operations socket. Blocking, for the command line."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from schoolgate.config.service_user import denied
from schoolgate.control.client import ControlUnreachable, NotRunning
from schoolgate.control.socket_path import LONGEST_PATH_OCTETS
from schoolgate.operations.registry import find
from schoolgate.operations.socket_messages import LARGEST_REPLY_OCTETS, line, raise_refusal, read_said
from schoolgate.operations.work import Said

# Nothing comes for this long only where the process is stuck: long work says how far it is.
SILENCE_S = 300.0
CONNECTS_WITHIN_S = 20


def call(
    path: Path, name: str, arguments: Mapping[str, Any], say: Callable[[Said], None], session: str | None = None
) -> Any:
    """The result of an operation, done by the control process. `session`: of a person who signed in; None: for the
    user of this machine. Raises `NotRunning`, `ControlUnreachable`, `OperationRefused`."""
    asked = {"operation": name, "arguments": dict(arguments)} | ({} if session is None else {"session": session})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _connect(sock, path)
        sock.settimeout(SILENCE_S)
        try:
            sock.sendall(line(asked))
            with sock.makefile("rb") as replies:
                reply = _last_reply(replies, say)
        except (OSError, ValueError) as error:
            raise ControlUnreachable(
                f"{path}: `schoolgate control` went away or does not answer ({error}); look at its log, and at"
                " `schoolgate audit log` for what was begun"
            ) from error
    if not reply["ok"]:
        raise_refusal(reply["error"])
    return find(name).returns.validate_python(reply["result"])


def _last_reply(replies: Any, say: Callable[[Said], None]) -> dict[str, Any]:
    while octets := replies.readline(LARGEST_REPLY_OCTETS):
        reply: dict[str, Any] = orjson.loads(octets)
        if "said" not in reply:
            return reply
        say(read_said(reply["said"]))
    raise ConnectionError("it closed the connection")


def _connect(sock: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) > LONGEST_PATH_OCTETS:
        raise NotRunning(f"{path}: too long for a socket; set server.operations_socket")
    # Waits in the kernel's line where a flood fills it; a socket with a time-out of Python's would be refused.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", CONNECTS_WITHIN_S, 0))
    try:
        sock.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise NotRunning(f"{path}: no control process runs here; start it with `schoolgate control`") from error
    except PermissionError as error:
        raise ControlUnreachable(denied(path)) from error
    except BlockingIOError as error:
        raise ControlUnreachable(
            f"{path}: `schoolgate control` took no connection within {CONNECTS_WITHIN_S} s; look at its log"
        ) from error
