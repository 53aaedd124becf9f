"""One interpreter that has loaded what all commands load, and forks a process for each start a test asks for.

Loading is most of what a short command does: tests start hundreds. A process of this kind is a process of its own in
everything else: arguments, environment, streams, signals, exit code. It runs what `python -m schoolgate` runs, or a
module of the tests. Run with the number of its socket. A request is JSON with four open files: standard input, output,
error, and a socket that is told the number of the process, and later how it ended. When the socket's other end is
closed, all are killed.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import schoolgate

LONGEST: Final = 1 << 18
# Of other people's, what our modules load where they first need it.
LATE: Final = (
    "alembic.command",
    "duckdb",
    "rich.console",
    "rich.table",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvloop",
)
# They look at the environment and the terminal when they are loaded; each process does that for itself.
LEFT: Final = "schoolgate.cli.commands"
# A module and its arguments.
Program = tuple[str, Sequence[str]]


class Forker:
    """`start` returns in each new process only, with what it was asked to be."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        # What is readable when a process has ended -> its number, and who waits for it.
        self._running: dict[int, tuple[int, socket.socket]] = {}
        self._ready = selectors.DefaultSelector()
        self._ready.register(requests, selectors.EVENT_READ)

    def serve(self) -> Program:
        """The program that this process, a new one, is to be."""
        while True:
            for key, _ in self._ready.select():
                if key.fileobj is not self._requests:
                    self._reap(key.fd)
                elif (program := self._begin()) is not None:
                    return program

    def _begin(self) -> Program | None:
        octets, files = _received(self._requests)
        if not octets:
            self._end()
        told = socket.socket(fileno=files.pop())
        number = os.fork()
        if number == 0:
            self._forget(told)
            return _become(json.loads(octets), files)
        for one in files:
            os.close(one)
        ended = os.pidfd_open(number)
        self._running[ended] = (number, told)
        self._ready.register(ended, selectors.EVENT_READ)
        told.send(b"%d" % number)
        return None

    def _forget(self, told: socket.socket) -> None:
        told.close()
        self._requests.close()
        self._ready.close()
        for ended, (_, other) in self._running.items():
            os.close(ended)
            other.close()

    def _reap(self, ended: int) -> None:
        number, told = self._running.pop(ended)
        self._ready.unregister(ended)
        os.close(ended)
        _, status = os.waitpid(number, 0)
        with contextlib.suppress(OSError):  # the test is over
            told.send(b"%d" % os.waitstatus_to_exitcode(status))
        told.close()

    def _end(self) -> None:
        for number, _ in self._running.values():
            os.kill(number, signal.SIGKILL)
        os._exit(0)


def _received(requests: socket.socket) -> tuple[bytes, list[int]]:
    files = array.array("i")
    octets, more, _, _ = requests.recvmsg(LONGEST, socket.CMSG_SPACE(4 * files.itemsize))
    for _, _, data in more:
        files.frombytes(data[: len(data) - len(data) % files.itemsize])
    return octets, list(files)


def _become(wanted: dict[str, Any], files: Sequence[int]) -> Program:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environ"])
    time.tzset()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
    err = io.BufferedWriter(io.FileIO(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(err, "utf-8", "backslashreplace", line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    return wanted["module"], wanted["arguments"]


def _load() -> None:
    for one in pkgutil.walk_packages(schoolgate.__path__, "schoolgate."):
        if one.name.split(".")[-1] != "__main__" and not one.name.startswith(LEFT):
            importlib.import_module(one.name)
    for name in LATE:
        importlib.import_module(name)
    assert f"{LEFT}.terminal" not in sys.modules, "a module of another package loads what is of commands"
    # What is loaded stays, in this process and in those that come from it.
    gc.collect()
    gc.freeze()


def _run(module: str, arguments: Sequence[str]) -> NoReturn:
    """As `python -m MODULE`, but that what was loaded is not taken apart at the end."""
    sys.argv = [module, *arguments]
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    finally:
        os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    _load()
    _run(*Forker(socket.socket(fileno=int(sys.argv[1]))).serve())
