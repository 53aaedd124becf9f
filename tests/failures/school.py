"""One school under test: its directory, its server process, and those who ask it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dns.edns
import dns.message
import dns.query
import dns.rcode
from tests.program.forked import Forked, ran
from tests.waiting import PATIENT_S

from schoolgate.control import call

READY_WITHIN_S = 120.0
# Of problems: no test fetches feeds or makes backups.
_LEFT_TO_OTHERS = ("schoolgate feeds ", "schoolgate backup ", "schoolgate setup")
_TAKEN = "is in use over TCP"
ENDED_WITHIN_S = ANSWER_WITHIN_S = PATIENT_S

# Names that need nobody else: on a list, in a local zone.
BLOCKED = "gambling.blocked.example.com"
LOCAL = "localhost"
# Segments of the demonstration policy.
PUPIL, STAFF = "127.0.0.1", "127.0.0.2"
# A segment beside it, for tests that ask more than any device does.
UNLIMITED = "127.0.9.9"
_DEMO = Path(__file__).parents[2] / "lists" / "policies" / "demo.toml"
_UNLIMITED = f"""
[segments.unlimited]
prefixes = ["{UNLIMITED}/32"]
policy = "guest"
rate_limit = {{ qps = 1000000, burst = 1000000 }}
"""

STALE, NO_REACHABLE_AUTHORITY, NETWORK_ERROR, INVALID_DATA = 3, 22, 23, 24

Run = subprocess.CompletedProcess[str]


class School:
    """A state directory with settings, and the server that runs on it, if it does.

    `program` is what `python -m` runs: the real thing, or one that lames it first. The control socket stands beside
    the state directory, not in it, so that it outlives whatever is done to that.
    """

    def __init__(
        self,
        folder: Path,
        forwarders: str,
        *,
        settings: str = "",
        listen: str = "127.0.0.1:0",
        policy: str | None = None,
        program: str = "schoolgate",
        workers: int = 1,
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "schoolgate.toml"
        self.control_socket = folder / "control.sock"
        self.program = program
        # Not for a program that changes what the interpreter has loaded by then.
        self.is_quick = program != "tests.failures.zoneless_server"
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.port = 0
        self._log = folder / "log"
        head = f'[server]\nlisten = ["{listen}"]\nworkers = {workers}\nstate_dir = "state"\n'
        head += 'control_socket = "control.sock"\n'
        self.settings_text = f"{head}[forwarders]\nservers = [{forwarders}]\n{settings}"
        text = policy if policy is not None else _DEMO.read_text(encoding="utf-8") + _UNLIMITED
        (folder / "first.policy.toml").write_text(text, encoding="utf-8")
        self.settings_text += '\n[policy]\nfile = "first.policy.toml"\n'
        self.config.write_text(self.settings_text, encoding="utf-8")

    def forget_policy(self) -> None:
        """Makes the state that of a school before its first start, with lists."""
        for pattern in ("policy.db*", "*active-policy*", "installation.json", "applied-settings.json"):
            for path in self.state.glob(pattern):
                path.unlink()
        for folder in ("crashes", "log"):
            shutil.rmtree(self.state / folder, ignore_errors=True)

    # -- the process ----------------------------------------------------------------------------------------------

    def start(self, **how: Any) -> None:
        """Starts the server and waits until it says that it is ready."""
        with self.notifications() as notify:
            self.process = self.launch(NOTIFY_SOCKET=str(self.folder / "notify"), **how)
            deadline = time.monotonic() + READY_WITHIN_S
            unlucky = 0
            while "READY=1" not in received(notify, 0.2):
                if self.process.poll() is not None and self.said().count(_TAKEN) > unlucky:
                    # The machine chose a port that is free for UDP, and somebody has it for TCP.
                    unlucky += 1
                    self.process = self.launch(NOTIFY_SOCKET=str(self.folder / "notify"), **how)
                assert self.process.poll() is None, f"it ended: {self.said()}"
                assert time.monotonic() < deadline, f"not ready: {self.said()}"
        self.port = int(self.status()["listening"]["udp"][0].rpartition(":")[2])

    @contextlib.contextmanager
    def notifications(self) -> Iterator[socket.socket]:
        """The service manager's end of NOTIFY_SOCKET."""
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            yield notify

    def launch(
        self, *, wrap: Sequence[str] = (), before: Callable[[], None] | None = None, **environ: str
    ) -> subprocess.Popen[bytes] | Forked:
        """Starts the server and waits for nothing. `before` runs in the new process, `wrap` is a command around it."""
        line = ["serve", "--config", str(self.config)]
        with self._log.open("ab") as log:
            if self.is_quick and not wrap and before is None:
                return Forked(line, log, log, environment() | environ, self.program)
            return subprocess.Popen(
                [*wrap, sys.executable, "-m", self.program, *line],
                stdout=log,
                stderr=log,
                env=environment() | environ,
                preexec_fn=before,
            )

    def fails_to_start(self, *, wrap: Sequence[str] = ()) -> str:
        """What the server says when it does not start, which it must say with exit code 1 and without a traceback."""
        before = len(self.said())
        process = self.launch(wrap=wrap)
        try:
            code = process.wait(READY_WITHIN_S)
        finally:
            process.kill()
            process.wait()
        said = self.said()[before:]
        assert code == 1, said
        assert "Traceback" not in said
        return said

    def kill(self) -> None:
        """SIGKILL: nothing is put away."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(ENDED_WITHIN_S)

    def stop(self) -> None:
        """SIGTERM: it must end by itself, in time, without a defect in its log."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(ENDED_WITHIN_S)
        finally:
            process.kill()
            process.wait()
        assert code == 0, self.said()
        assert "Traceback" not in self.said(), self.said()
        assert "defect" not in self.said(), self.said()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    # -- asking ---------------------------------------------------------------------------------------------------

    def ask(self, name: str, rdtype: str = "A", *, source: str = PUPIL, tcp: bool = False) -> dns.message.Message:
        """The answer to one question."""
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(query, "127.0.0.1", timeout=ANSWER_WITHIN_S, port=self.port, source=source)

    def rcode(self, name: str, *, source: str = PUPIL) -> str:
        return dns.rcode.to_text(self.ask(name, source=source).rcode())

    def filters(self) -> bool:
        """Whether what must be blocked is blocked and what is local is answered, at once."""
        return (self.rcode(BLOCKED), self.rcode(LOCAL)) == ("NXDOMAIN", "NOERROR")

    def control(self, command: str, **arguments: Any) -> Any:
        return call(self.control_socket, command, timeout_s=READY_WITHIN_S, **arguments)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = self.control("status")
        return told

    def problems(self) -> list[str]:
        """Without those of categories that only feeds would fill, and of backups."""
        return [one for one in self.status()["problems"] if not any(word in one for word in _LEFT_TO_OTHERS)]

    def counter(self, name: str) -> int:
        return int(self.status()["counters"][name])

    def cli(self, *arguments: str | Path, wrap: Sequence[str] = (), **environ: str) -> Run:
        """A command with this school's settings."""
        line = [*map(str, arguments), "--config", str(self.config)]
        if not wrap:
            return ran(line, timeout=READY_WITHIN_S, env=environment() | environ)
        return subprocess.run(
            [*wrap, sys.executable, "-m", "schoolgate", *line],
            capture_output=True,
            text=True,
            check=False,
            timeout=READY_WITHIN_S,
            env=environment() | environ,
        )

    def revision_with(self, line: str) -> Path:
        """A file with the policy in force and one line more."""
        path = self.folder / "next.policy.toml"
        path.write_text(self.cli("policy", "show").stdout + f"\n# {line}\n", encoding="utf-8")
        return path


def received(sock: socket.socket, within_s: float) -> str:
    """The next datagram as text, or nothing."""
    sock.settimeout(within_s)
    with contextlib.suppress(TimeoutError):
        return sock.recv(65536).decode()
    return ""


def texts(answer: dns.message.Message) -> list[str]:
    """The data of every record in the answer."""
    return [item.to_text() for rrset in answer.answer for item in rrset]


def reasons(answer: dns.message.Message) -> set[int]:
    """The codes of the extended errors (RFC 8914)."""
    return {int(option.code) for option in answer.options if isinstance(option, dns.edns.EDEOption)}


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SCHOOLGATE", "NOTIFY", "WATCHDOG"))}
    return kept | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
