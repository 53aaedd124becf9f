"""A real `schoolgate control` for tests from outside: started, asked over its socket, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from tests.program.forked import Forked, ran
from tests.waiting import PATIENT_S, until

from schoolgate.operations.system_clock import SystemClock
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place


class Control:
    """One control process without a DNS server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "schoolgate.toml"
        self.config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{self.state}"\n', encoding="utf-8")
        self.socket = self.state / "operations.sock"
        self.policy = folder / "p.toml"
        self.log = folder / "log"
        self.process: Forked | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = Forked(["control", "--config", str(self.config)], log, log, os.environ)
        self.until(self.is_answering)

    def is_answering(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()
        try:
            with self.connected():
                return True
        except OSError:
            return False

    def connected(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.connect(str(self.socket))
            client.settimeout(PATIENT_S)
        except OSError:
            client.close()
            raise
        return client

    def ask(self, octets: bytes) -> dict[str, Any]:
        """The last reply to one request."""
        with self.connected() as client, client.makefile("rb") as replies:
            client.sendall(octets)
            for line in replies:
                reply: dict[str, Any] = orjson.loads(line)
                if "said" not in reply:
                    return reply
        raise AssertionError("it closed the connection")

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return ran([*arguments, "--config", str(self.config)], timeout=120)

    def audit(self) -> list[dict[str, Any]]:
        """Oldest first."""
        found = asyncio.run(audit_operations.log(Place.in_folder(self.state), SystemClock().now_us()))
        return [dict(one.fields) for one in found[::-1]]

    def until(self, is_so: Callable[[], object]) -> None:
        until(is_so, self.log.read_text)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENT_S)


def request(name: str, arguments: dict[str, Any] | None = None, /, **more: Any) -> bytes:
    """A line of the socket's protocol. `more`: keys beside operation and arguments, such as session."""
    return orjson.dumps({"operation": name, "arguments": arguments or {}, **more}) + b"\n"
