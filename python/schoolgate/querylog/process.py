"""The other end of the worker's pipes: start it, ask it, and end it when it is late."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import orjson

from schoolgate.querylog.log_query import BadCursor, LogProblem, SearchFailed, SearchTooLarge, SearchTooLong

Task = Literal["read", "maintain"]
# A query that was interrupted says so within this; after it the process is ended.
GRACE_S = 5.0
_READ_OCTETS = 1 << 20


class WorkerProcess:
    """One worker, started at the first question, and again after it had to be ended."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder = folder
        self._task = task
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, do: str, limit_s: float, **what: Any) -> Any:
        """The answer to one question. Raises `LogProblem`."""
        process = self._running()
        request = orjson.dumps({"do": do, "limit_s": limit_s, **what}) + b"\n"
        try:
            answer = orjson.loads(_exchanged(process, request, limit_s + GRACE_S))
        except TimeoutError:
            self.close()
            raise _too_long(limit_s) from None
        except (EOFError, BrokenPipeError):
            raise self._died() from None
        except BaseException:  # Ctrl-C: the answer to this question must not become that of the next
            self.close()
            raise
        if "problem" in answer:
            raise _problem(answer["problem"], answer["text"], limit_s)
        return answer["answer"]

    def close(self) -> None:
        """Ends it, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(timeout=0.5)  # it tidies its scratch
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; one that was not started yet, or had to be ended, does not."""
        return self._process is not None and self._process.poll() is None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "schoolgate.querylog.worker", str(self._folder), self._task],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._process

    def _died(self) -> LogProblem:
        process = self._process
        code = process.wait() if process is not None else 0
        self.close()
        if code in (-6, -9, -11):  # abort, the kernel's choice, a null pointer: what lack of memory looks like
            return SearchTooLarge(_TOO_LARGE)
        return SearchFailed(f"the search process ended with exit code {code}; try again, and report this if it repeats")


_TOO_LARGE = "that search needs more memory than it may have; ask for a shorter time, or for fewer values"


def _too_long(limit_s: float) -> SearchTooLong:
    return SearchTooLong(f"that search did not end within {limit_s:g} s; ask for a shorter time, or add a filter")


def _problem(kind: str, text: str, limit_s: float) -> LogProblem:
    if kind == "time":
        return _too_long(limit_s)
    if kind == "memory":
        return SearchTooLarge(_TOO_LARGE)
    if kind == "BadCursor":
        return BadCursor(text)
    return SearchFailed(text if kind == "SearchFailed" else f"the log cannot be read: {text}")


def _exchanged(process: subprocess.Popen[bytes], request: bytes, limit_s: float) -> bytes:
    """Sends a line and waits for one. Raises `TimeoutError`, `EOFError`."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(request)
    process.stdin.flush()
    deadline = time.monotonic() + limit_s
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not (parts and parts[-1].endswith(b"\n")):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            part = os.read(process.stdout.fileno(), _READ_OCTETS)
            if not part:
                raise EOFError
            parts.append(part)
    return b"".join(parts)
