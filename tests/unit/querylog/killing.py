"""SIGKILL on demand: maintenance ends just before its nth change of the disk, and nothing after that happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schoolgate.querylog import conversion, process


class Killed(BaseException):
    """No handler of an error may catch this."""


class Fuse:
    """Counts changes; burns at the one it is set to."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1


@contextmanager
def killed_before(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fuse]:
    """Within, the nth rename, deletion, conversion or question to the worker does not happen any more."""
    fuse = Fuse(step)

    def fused(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            fuse.step()
            return real(*args, **kwargs)

        patch.setattr(owner, name, call)

    with monkeypatch.context() as patch:
        fused(Path, "unlink")
        fused(Path, "replace")
        fused(Path, "rmdir")
        fused(conversion, "log_to_parquet")
        fused(process.WorkerProcess, "ask")
        yield fuse
