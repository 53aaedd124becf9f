"""`check` and `policy apply` refuse a rule of alerts that can never speak; one in force keeps no server down."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path

import pytest
from tests.integration.policies import POLICY
from tests.program.forked import ran

from schoolgate.policy import RevisionStore

MUTE = f"""{POLICY}
[alerts.films]
categories = ["piracy"]
to = ["webhook:teems"]
"""
SETTINGS = """
[webhooks.teams]
url = "https://hooks.school.example/x"
"""


@pytest.fixture
def school(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "schoolgate.toml").write_text(f'[server]\nstate_dir = "state"\n{SETTINGS}')
    (tmp_path / "mute.toml").write_text(MUTE)
    return tmp_path


def schoolgate(school: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SCHOOLGATE_CONFIG": str(school / "schoolgate.toml")}
    environ.pop("SCHOOLGATE_STATE_DIR", None)
    return ran(arguments, timeout=120, env=environ)


def test_it_is_refused_with_what_to_do_and_nothing_is_stored(school: Path) -> None:
    for arguments in (("check", "--policy"), ("policy", "apply", "--reason", "films")):
        done = schoolgate(school, *arguments, str(school / "mute.toml"))
        assert done.returncode == 1, done.stderr
        assert "alerts.films.categories[0]: piracy can never speak" in done.stderr
        assert "no webhook teems is in the settings (did you mean teams?)" in done.stderr
    assert RevisionStore(school / "state" / "policy.db").latest() is None


def test_one_in_force_is_named_and_the_check_before_a_start_passes(school: Path) -> None:
    store = RevisionStore(school / "state" / "policy.db")
    store.apply(MUTE, who="version before", why="it took this", now=dt.datetime.now(dt.UTC))
    done = schoolgate(school, "check")
    assert done.returncode == 0, done.stderr
    assert "in force, and mute: policy revision 1: alerts.films.to[0]" in done.stderr
