"""SIGKILL at any step: what has the name of a backup is whole, and a state directory is the old one or the new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("what", "least"), [("create", 20), ("restore", 3)])
def test_a_process_killed_at_any_step_leaves_nothing_half(what: str, least: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.backup.killed", what, str(tmp_path / "school")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > least
