"""A real sshd on a free port of the loopback interface, with a key for who signs in and one of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import pytest
from tests.waiting import until

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh-keygen") is None, reason="needs sshd and ssh-keygen (Debian: openssh-server)"
)


class SecureShell:
    """`folder/there` is served to `user`, who has `key`; `known_hosts` names its host key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.there = folder / "there"
        self.there.mkdir(parents=True)
        self.key, self.host_key = folder / "user-key", folder / "host-key"
        self.known_hosts = folder / "known_hosts"
        self.user = getpass.getuser()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        for path in (self.key, self.host_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        public = self.host_key.with_suffix(".pub").read_text(encoding="ascii")
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}", encoding="ascii")

    def __enter__(self) -> SecureShell:
        assert SSHD is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it separates privileges
        config = self.folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.key}.pub\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
            "Subsystem sftp internal-sftp\nPerSourcePenalties no\n",
            encoding="ascii",
        )
        self._process = self._launch(config)
        until(self._answers, (self.folder / "sshd.log").read_text, process=self._process)
        return self

    def _launch(self, config: Path) -> subprocess.Popen[bytes]:
        """Older versions do not know the last setting."""
        test = subprocess.run([str(SSHD), "-t", "-f", str(config)], capture_output=True, check=False)
        if test.returncode:
            config.write_text(
                config.read_text(encoding="ascii").replace("PerSourcePenalties no\n", ""), encoding="ascii"
            )
        with (self.folder / "sshd.log").open("wb") as log:
            return subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stdout=log, stderr=log)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as one:
                return one.recv(4) == b"SSH-"
        except OSError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def stop_sessions(self) -> list[int]:
        """Halts every process of a session, which then answers nothing; returns them, for `SIGCONT`."""
        found, above = [], [self._process.pid]
        while above:
            one = above.pop()
            inner = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split()
            above += map(int, inner)
            found += map(int, inner)
        for one in found:
            os.kill(one, signal.SIGSTOP)
        return found
