"""What is forked says, ends and is ended as the program itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.program.forked import Forked, ran
from tests.waiting import PATIENT_S, until


@pytest.mark.parametrize(
    "line",
    [
        ["status"],
        ["explain", "www.example.org"],
        ["no-such-command"],
        ["check", "-c", "none.toml"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_output_and_exit_code_are_those_of_the_program(tmp_path: Path, line: list[str]) -> None:
    environ = os.environ | {"SCHOOLGATE_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "70", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "schoolgate", *line]
    real = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=PATIENT_S)
    forked = ran(line, timeout=PATIENT_S, env=environ)
    assert (forked.returncode, forked.stdout, forked.stderr) == (real.returncode, real.stdout, real.stderr)


def test_it_has_no_open_file_but_its_own_and_says_by_which_signal_it_ended(tmp_path: Path) -> None:
    config = tmp_path / "schoolgate.toml"
    config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    with (tmp_path / "log").open("ab") as log:
        first = Forked(["control", "--config", str(config)], log, log, os.environ)
    until((tmp_path / "state" / "operations.sock").exists, (tmp_path / "log").read_text, process=first)
    with (tmp_path / "other").open("ab") as log:
        second = Forked(["control", "--config", str(config)], log, log, os.environ)
    assert second.wait(PATIENT_S) == 1, "another one runs"
    links = [path.readlink() for path in Path(f"/proc/{first.pid}/fd").iterdir()]
    assert str(tmp_path / "other") not in map(str, links)
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.01)
    assert first.poll() is None
    first.kill()
    assert first.wait(PATIENT_S) == -signal.SIGKILL
    assert first.poll() == -signal.SIGKILL
