"""A PostgreSQL cluster of the tests' own: made by initdb, on a Unix socket only, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

PORT = 5432  # names the socket; nothing listens on an address


class Cluster:
    """A running server. `url(name)`: a database of its own for a test."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Short, because a socket's path has 107 octets, and open to the server's user.
        self.folder = Path(tempfile.mkdtemp(prefix="sg-pg-"))
        self._made = 0

    def start(self) -> None:
        data = self.folder / "data"
        if os.geteuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "schoolgate", "-E", "UTF8", "--no-sync", "--locale=C")
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=40 -p {PORT}"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        try:
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder)

    def url(self) -> str:
        """The address of a new, empty database."""
        self._made += 1
        name = f"school{self._made}"
        self._run("createdb", "-h", str(self.folder), "-p", str(PORT), "-U", "schoolgate", name)
        return f"postgresql+asyncpg://schoolgate@/{name}?host={self.folder}&port={PORT}"

    def psql(self, url: str, statement: str) -> str:
        """Runs a statement as somebody with all rights would."""
        name = url.partition("@/")[2].partition("?")[0]
        where = ("-h", str(self.folder), "-p", str(PORT), "-U", "schoolgate", "-d", name)
        return self._run("psql", *where, "-v", "ON_ERROR_STOP=1", "-Atc", statement)

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
        # To a file: the server inherits it, and would keep a pipe open.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False, timeout=120)
            said.seek(0)
            text = said.read()
        assert done.returncode == 0, f"{program}: {text}"
        return text.strip()


def programs() -> Path | None:
    """Where the newest PostgreSQL's programs are, or None."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = [folder for folder in folders if (folder / "initdb").exists()]
    return found[-1] if found else None


def why_not() -> str:
    """Why no cluster can be made here; empty where it can."""
    if programs() is None:
        return "PostgreSQL's initdb is not installed"
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            return "setpriv is not installed"
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "there is no user postgres"
    return ""
