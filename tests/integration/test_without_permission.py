"""Every command, given by a user without rights: no trace, and the user of the service is named."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can give files away and become another user"
)

SERVICE, PERSON = pwd.getpwnam("daemon"), pwd.getpwnam("nobody")
# They use neither state nor socket: what they print, anybody may read, or they ask somebody else.
# The last three read or write a file of the caller first, or have nothing to read until a source is set.
FREE = {
    "policy templates", "config sample", "export firewall", "sealed update", "query", "rights", "request bundle",
    "request check-bundle", "identity",
}  # fmt: skip
READS_NO_SETTINGS = {"config sample", "request bundle", "request check-bundle"}
Told = Callable[[Path | str], dict[str, dict[str, Any]]]


@pytest.fixture
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that everybody may enter, with the service's state and settings in it."""
    folder = Path("/tmp") / f"schoolgate-rights-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)
    own = folder / "own"
    state = own / "state"
    (state / "lists").mkdir(parents=True)
    for name in ("policy.db", "feeds.toml", "lists/pinned.json", "log/lock", "monitor/alerts.db", "control.db"):
        (state / name).parent.mkdir(exist_ok=True)
        (state / name).touch(0o600)
    for one in (own, *own.rglob("*")):
        os.chown(one, SERVICE.pw_uid, SERVICE.pw_gid)
        one.chmod(0o750 if one.is_dir() else 0o600)
    own.chmod(0o755)
    settings = folder / "schoolgate.toml"
    settings.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{state}"\n', encoding="utf-8")
    settings.chmod(0o644)
    yield folder
    shutil.rmtree(folder)


def told(config: Path | str, **environ: str) -> dict[str, dict[str, Any]]:
    """What every command says to a person who is not the service's user."""
    became = ("setpriv", f"--reuid={PERSON.pw_uid}", f"--regid={PERSON.pw_gid}", "--clear-groups")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SCHOOLGATE")}
    run = subprocess.run(
        [*became, sys.executable, "-m", "tests.integration.unprivileged_commands", str(config)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300,
        env=kept | {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"} | environ,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found: dict[str, dict[str, Any]] = json.loads(run.stdout)
    assert len(found) > 60
    return found


def test_a_state_directory_of_another_user(school: Path) -> None:
    found = told(school / "schoolgate.toml")
    assert {name: one for name, one in found.items() if one["code"] == "defect"} == {}
    silent = {
        name: one
        for name, one in found.items()
        if name not in FREE and not (one["code"] == 1 and "runuser -u daemon -- schoolgate" in one["err"])
    }
    assert silent == {}


def test_a_state_directory_that_cannot_even_be_seen(school: Path) -> None:
    (school / "own").chmod(0o700)
    found = told(school / "schoolgate.toml")
    silent = {
        name: one
        for name, one in found.items()
        if name not in FREE and not (one["code"] == 1 and "runuser -u daemon -- schoolgate" in one["err"])
    }
    assert silent == {}


def test_a_settings_file_that_cannot_be_read(school: Path) -> None:
    settings = school / "schoolgate.toml"
    os.chown(settings, 0, SERVICE.pw_gid)
    settings.chmod(0o640)
    found = told("-", SCHOOLGATE_CONFIG=str(settings))
    silent = {
        name: one
        for name, one in found.items()
        if name not in READS_NO_SETTINGS
        and not (one["code"] == 1 and "permission denied (run this as daemon)" in one["err"])
    }
    assert silent == {}
