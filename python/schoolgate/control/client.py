"""The asking end of the control socket: for the command line and for other processes. Blocking, with a deadline."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import orjson

from schoolgate.config.service_user import denied
from schoolgate.control.socket_path import LONGEST_PATH_OCTETS
from schoolgate.errors import SchoolgateError

# A service that is well answers at once.
ANSWER_TIMEOUT_S = 3.0
LARGEST_ANSWER_OCTETS = 16 * 1024 * 1024


class ControlUnreachable(SchoolgateError):
    """No answer from the service."""


class NotRunning(ControlUnreachable):
    """No server listens on the control socket."""


class CommandRefused(SchoolgateError):
    """The service answered that it could not do it; the message is its own."""


def call(path: Path, command: str, *, timeout_s: float = ANSWER_TIMEOUT_S, **arguments: Any) -> Any:
    """The result of a command. Raises `NotRunning`, `ControlUnreachable` or `CommandRefused`."""
    line = orjson.dumps({"command": command, **arguments}) + b"\n"
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        _connect(sock, path)
        try:
            sock.sendall(line)
            reply = orjson.loads(_line(sock, deadline))
        except (OSError, ValueError) as error:
            what = f"no answer within {timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
            raise ControlUnreachable(
                f"{path}: the service does not answer ({what}); look at its log, or restart it"
            ) from error
    if not reply.get("ok"):
        raise CommandRefused(str(reply.get("error", "the service refused")))
    return reply.get("result")


def call_if_running(path: Path, command: str, *, timeout_s: float = ANSWER_TIMEOUT_S, **arguments: Any) -> Any | None:
    """The same, or None when no service runs."""
    try:
        return call(path, command, timeout_s=timeout_s, **arguments)
    except NotRunning:
        return None


def _connect(sock: socket.socket, path: Path) -> None:
    not_running = f"{path}: no schoolgate is running here; start it with `schoolgate serve`"
    if len(os.fsencode(path)) > LONGEST_PATH_OCTETS:
        raise NotRunning(not_running)
    try:
        sock.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise NotRunning(not_running) from error
    except PermissionError as error:
        raise ControlUnreachable(denied(path)) from error
    except OSError as error:
        raise ControlUnreachable(
            f"{path}: {error.strerror or error}; the service may be overloaded, try again"
        ) from error


def _line(sock: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        part = sock.recv(65536)
        if not part:
            raise ConnectionError("it closed the connection")
        received += part
        if len(received) > LARGEST_ANSWER_OCTETS:
            raise ConnectionError("its answer has no end")
    return bytes(received)
