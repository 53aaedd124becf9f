"""What the tests of deploy/ share: where the files are, and the programs that read them on a real machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# Servers live in sbin, which is not on everybody's path.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
# A program that hangs is a failure, not a hung test run.
LONGEST_RUN_S = 120

Run = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def deploy() -> Path:
    return REPOSITORY / "deploy"


@pytest.fixture(scope="session")
def reader() -> Callable[..., Run]:
    """Runs the program that reads a file, output and errors together; skips where it is not installed."""

    def run(program: str, *arguments: str | Path, package: str) -> Run:
        path = shutil.which(program, path=SEARCH_PATH)
        if path is None:
            pytest.skip(f"{program} is not installed: apt-get install {package}")
        return subprocess.run(
            [path, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST_RUN_S,
            env={**os.environ, "PATH": SEARCH_PATH, "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"},
        )

    return run
