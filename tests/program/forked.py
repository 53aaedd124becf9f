"""Starts `schoolgate` quickly: processes forked by `tests.program.forker`, with the manners of `subprocess`.

What a test says of the start itself, of memory, or with a user, limit or namespace of its own, takes the real command.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).parents[2]
_LOCK: Final = threading.Lock()
_requests: socket.socket | None = None


class Forked:
    """As `subprocess.Popen`: `returncode` is None until `poll` or `wait` have seen the end."""

    def __init__(
        self, arguments: Sequence[str], stdout: IO[bytes] | int, stderr: IO[bytes] | int, environ: Mapping[str, str],
        module: str = "schoolgate",
    ) -> None:  # fmt: skip
        self.args = list(arguments)
        self.returncode: int | None = None
        self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        wanted = {"module": module, "arguments": self.args, "environ": dict(environ), "folder": str(Path.cwd())}
        with theirs, Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), _number(stdout), _number(stderr), theirs.fileno()]
            sent = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
            _forker().sendmsg([json.dumps(wanted).encode()], sent)
        self.pid = int(self._told.recv(32))

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = int(self._told.recv(32))
            except (BlockingIOError, TimeoutError):
                return None
            self._told.close()
        return self.returncode

    def __del__(self) -> None:
        self._told.close()


def ran(
    arguments: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command that has ended, with what it said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        one = Forked(arguments, out, err, os.environ if env is None else env)
        try:
            code = one.wait(timeout)
        except BaseException:
            one.kill()
            raise
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(["schoolgate", *arguments], code, *texts)


def _number(file: IO[bytes] | int) -> int:
    return file if isinstance(file, int) else file.fileno()


def _forker() -> socket.socket:
    global _requests
    with _LOCK:
        if _requests is None:
            _requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                command = [sys.executable, "-m", "tests.program.forker", str(theirs.fileno())]
                process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
            atexit.register(_end, _requests, process)
        return _requests


def _end(requests: socket.socket, process: subprocess.Popen[bytes]) -> None:
    requests.close()
    process.wait()
