"""A server to be measured, ours or another: made ready in a directory, started on a core, asked until it answers."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import Process, cores
from benchmarks.workloads import A, packet

_ASK_EVERY_S = 0.001
_NXDOMAIN = 3


class DoesNotAnswer(Exception):
    """The server ended, or did not give the right answer in time; the message has what it said."""


@dataclass(frozen=True)
class Ground:
    """What a server is set up with: its directory and port, the upstream's port, the listed names."""

    directory: Path
    port: int
    upstream_port: int
    listed: list[str]


@dataclass(frozen=True)
class Server:
    """How to run a server. `prepare` writes its files and gives the command; `absent` says why it cannot run here."""

    name: str
    title: str
    prepare: Callable[[Ground], list[str]]
    absent: Callable[[], str | None] = lambda: None
    version: Callable[[], str] = lambda: ""
    # Seconds it may take to load its list.
    patience_s: float = 120.0
    notes: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A server that answers. `start_s`: from its start to the first right answer."""

    server: Server
    process: Process
    port: int
    start_s: float


def start(server: Server, command: list[str], ground: Ground) -> Running:
    """Starts it and waits until a listed name is denied."""
    core, _ = cores()
    log = ground.directory / f"{server.name}.log"
    process = Process(command, core, log, ground.directory, server.environment)
    try:
        start_s = _first_right_answer(process, ground, server.patience_s)
    except DoesNotAnswer:
        process.stop()
        raise
    return Running(server, process, ground.port, start_s)


@contextmanager
def running(server: Server, ground: Ground) -> Iterator[Running]:
    """Prepares, starts, and stops."""
    one = start(server, server.prepare(ground), ground)
    try:
        yield one
    finally:
        one.process.stop()


def _first_right_answer(process: Process, ground: Ground, patience_s: float) -> float:
    name = ground.listed[len(ground.listed) // 2]
    while time.monotonic() < process.started_at + patience_s:
        if not process.is_running():
            raise DoesNotAnswer(process.said())
        if rcode(ground.port, name, 0.02) == _NXDOMAIN:
            return time.monotonic() - process.started_at
        time.sleep(_ASK_EVERY_S)
    raise DoesNotAnswer(f"no right answer within {patience_s:.0f} s\n{process.said()}")


def rcode(port: int, name: str, timeout_s: float) -> int | None:
    """The RCODE of the answer to one question, or None where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout_s)
        with contextlib.suppress(OSError):
            sock.connect(("127.0.0.1", port))
            sock.send(packet(name, A))
            return sock.recv(4096)[3] & 0x0F
    return None
