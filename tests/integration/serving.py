"""One running service: its process, its directory, and how to ask it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.edns
import dns.message
import dns.query
import dns.rcode
from tests.program.forked import Forked, ran
from tests.waiting import PATIENT_S, until

from schoolgate.control import call

ANSWER_WITHIN_S = PATIENT_S
# A start is much work; some tests wait for one that ends by itself.
READY_WITHIN_S = STOPPED_WITHIN_S = 120.0
PUPIL, STAFF, GUEST = "127.0.0.1", "127.0.0.2", "127.0.0.3"

# Of problems: no test fetches feeds, and few make backups.
LEFT_TO_OTHERS = ("schoolgate feeds ", "schoolgate backup ", "schoolgate setup")

_TAKEN = "is in use over TCP"

Run = subprocess.CompletedProcess[str]


class Serving:
    """A service in `folder`. Port 0: the machine chooses, so tests may run side by side."""

    def __init__(self, folder: Path, upstream_port: int, *, settings: str = "", policy: str | None = None) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "schoolgate.toml"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.port = 0
        self.environ: dict[str, str] = {}
        # What an interpreter of its own is given: the program, or one that lames it first; () is quick.
        self.program: tuple[str, ...] = ()
        self.head = f'[server]\nlisten = ["127.0.0.1:0"]\nworkers = 1\nstate_dir = "{self.state}"\n'
        forwarders = "" if "[forwarders]" in settings else f'[forwarders]\nservers = ["127.0.0.1:{upstream_port}"]\n'
        if policy is not None:
            (folder / "first.policy.toml").write_text(policy, encoding="utf-8")
            forwarders += '[policy]\nfile = "first.policy.toml"\n'
        console = "" if "[console]" in settings else "[console]\nport = 0\n"
        self.config.write_text(self.head + forwarders + console + settings, encoding="utf-8")

    # -- the process ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts it and waits until it says that it is ready."""
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.settimeout(0.2)
            deadline = time.monotonic() + READY_WITHIN_S
            unlucky = 0
            self.process = self.launch(NOTIFY_SOCKET=str(path))
            while not _says_ready(notify):
                if self.process.poll() is not None and self.said().count(_TAKEN) > unlucky:
                    # The machine chose a port that is free for UDP, and somebody has it for TCP.
                    unlucky += 1
                    self.process = self.launch(NOTIFY_SOCKET=str(path))
                assert self.process.poll() is None, f"it ended: {self.said()}"
                assert time.monotonic() < deadline, f"not ready: {self.said()}"
        self.port = self.listening()

    def launch(self, **environ: str) -> subprocess.Popen[bytes] | Forked:
        """Starts a process and waits for nothing."""
        line = ["serve", "--config", str(self.config)]
        environment = _environ() | self.environ | environ
        with self.log.open("ab") as log:
            if not self.program:
                return Forked(line, log, log, environment)
            return subprocess.Popen([sys.executable, *self.program, *line], stdout=log, stderr=log, env=environment)

    def listening(self) -> int:
        return int(self.control("status")["listening"]["udp"][0].rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL: nothing is put away."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOPPED_WITHIN_S)
        self.process = None

    def stop(self) -> None:
        """Ends it as a service manager does; nothing it said may be a defect."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said = self.said()
        assert code == 0, said
        assert "Traceback" not in said
        assert "defect" not in said

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    # -- asking ---------------------------------------------------------------------------------------------------

    def ask(
        self, name: str, rdtype: str = "A", *, source: str = PUPIL, tcp: bool = False, edns: bool = True
    ) -> dns.message.Message:
        """The answer to one question; TC is followed by nobody."""
        query = dns.message.make_query(name, rdtype, use_edns=0 if edns else False, payload=1232)
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(query, "127.0.0.1", timeout=ANSWER_WITHIN_S, port=self.port, source=source)

    def rcode(self, name: str, rdtype: str = "A", *, source: str = PUPIL) -> str:
        return dns.rcode.to_text(self.ask(name, rdtype, source=source).rcode())

    def control(self, command: str, **arguments: Any) -> Any:
        return call(self.state / "control.sock", command, timeout_s=READY_WITHIN_S, **arguments)

    def problems(self) -> list[str]:
        """What an operator should look at, but for categories that only feeds would fill, and for backups."""
        return [one for one in self.control("status")["problems"] if not any(word in one for word in LEFT_TO_OTHERS)]

    def cli(self, *arguments: str | Path, config: Path | None = None, **environ: str) -> Run:
        """A command, with this service's settings."""
        line = [*map(str, arguments), "--config", str(config or self.config)]
        return ran(line, timeout=READY_WITHIN_S, env=_environ() | environ)

    def until(self, is_so: Callable[[], object], within_s: float = PATIENT_S) -> None:
        """Asks again and again; a test that waits in vain fails."""
        until(is_so, self.said, within_s)


def texts(answer: dns.message.Message) -> list[str]:
    """The data of every record in the answer, in order."""
    return [item.to_text() for rrset in answer.answer for item in rrset]


def reasons(answer: dns.message.Message) -> list[tuple[int, str | None]]:
    """The extended errors (RFC 8914) of an answer."""
    return [(int(option.code), option.text) for option in answer.options if isinstance(option, dns.edns.EDEOption)]


def _says_ready(notify: socket.socket) -> bool:
    with contextlib.suppress(TimeoutError):
        return b"READY=1" in notify.recv(4096)
    return False


def _environ() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SCHOOLGATE", "NOTIFY", "WATCHDOG"))}
    return kept | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "TZ": "UTC"}
