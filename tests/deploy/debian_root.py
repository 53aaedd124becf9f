"""This machine's own Debian as a root of its own: what is installed in it goes when the root is closed.

An overlay in a mount and network namespace. What the build came from is hidden in it, so that nothing works by accident
because the source tree is there. `systemctl` in it is a stand-in that notes what it is asked for.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

LONGEST_RUN_S = 120
_MOUNTS = """
mount -t tmpfs -o mode=755 none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
for hidden in $2; do mkdir -p "$1/root$hidden"; mount -t tmpfs none "$1/root$hidden"; done
mkdir -p "$1/root/packages" "$1/root/run/systemd/system"
ip link set lo up
echo ready
exec sleep infinity
"""
_SYSTEMCTL = '#!/bin/sh\necho "$*" >> /systemctl.log\n'


class DebianRoot:
    """Open as a context. Needs root; raises `OSError` where the machine does not allow it."""

    def __init__(self, folder: Path, hidden: Iterable[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._hidden = " ".join(map(str, hidden))
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> DebianRoot:
        command = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec", _MOUNTS, "sh"]
        self._holder = subprocess.Popen(
            [*command, str(self._folder), self._hidden], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline()
        if said != "ready\n":
            raise OSError(f"no root of its own: {said}{self._holder.communicate()[0]}")
        self.write("/usr/bin/systemctl", _SYSTEMCTL, 0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._holder is not None:
            self._holder.kill()
            self._holder.communicate()

    def path(self, inside: str) -> Path:
        """Where a path of the root is, for this process."""
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root{self._folder}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).unlink(missing_ok=True)
        self.path(inside).write_text(text, encoding="utf-8")
        self.path(inside).chmod(mode)

    def read(self, inside: str) -> str:
        return self.path(inside).read_text(encoding="utf-8")

    def command(self, *command: str, user: str = "root") -> list[str]:
        """To be run from outside; in the root as `user`."""
        assert self._holder is not None
        enter = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--net=/proc/{self._holder.pid}/ns/net"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user != "root" else []
        return [*enter, "chroot", f"{self._folder}/root", *clean, *as_user, *command]

    def run(self, *command: str, user: str = "root", said: str | None = None) -> subprocess.CompletedProcess[str]:
        """Output and errors together. `said`: standard input."""
        return subprocess.run(
            self.command(*command, user=user),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=said if said is not None else "",
            text=True,
            check=False,
            timeout=LONGEST_RUN_S,
        )

    def dpkg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Without the index of man pages, and without waiting for the disk: this root is not kept."""
        return self.run("dpkg", "--no-triggers", "--force-unsafe-io", *arguments)

    def install(self, package: Path, *options: str) -> subprocess.CompletedProcess[str]:
        self.path(f"/packages/{package.name}").write_bytes(package.read_bytes())
        return self.dpkg(*options, "--install", f"/packages/{package.name}")

    def asked_of_systemd(self) -> list[str]:
        """What `systemctl` was called with."""
        log = self.path("/systemctl.log")
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []
