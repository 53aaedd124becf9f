"""`schoolgate request ...` from outside: asked for by a user of this machine, decided by none, taken away as a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.integration.policies import POLICY
from typer.testing import CliRunner, Result

from schoolgate.cli.application import app
from schoolgate.operations.errors import NotPermitted


@pytest.fixture
def folder(tmp_path: Path, built: Path) -> Path:
    """A school without a control process: each command does the operation itself."""
    (tmp_path / "schoolgate.toml").write_text(
        f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8"
    )
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    shutil.copytree(built, tmp_path / "state" / "lists", symlinks=True)
    (tmp_path / "state").chmod(0o700)
    return tmp_path


def run(folder: Path, *arguments: str, has_config: bool = True) -> Result:
    config = ["--config", str(folder / "schoolgate.toml")] if has_config else []
    return CliRunner().invoke(app, [*arguments, *config], env={"COLUMNS": "200"})


def test_a_request_from_the_command_line_to_a_file_that_verifies(folder: Path) -> None:
    applied = run(folder, "policy", "apply", str(folder / "policy.toml"), "--reason", "the first")
    assert applied.exit_code == 0, applied.exception
    filed = run(
        folder, "request", "file", "open", "denied.example.org", "-s", "staff", "--for", "7d", "--for-what",
        "Art \u202e\x1b[31m", "--alternatives", "none",
    )  # fmt: skip
    assert filed.exit_code == 0, filed.exception
    assert "request 1: it waits for a head or safeguarding lead" in filed.stdout
    listed = run(folder, "request", "list", "--json")
    (one,) = json.loads(listed.stdout)["requests"]
    assert one["names"] == ["denied.example.org"]
    shown = run(folder, "request", "show", "1", "--effect")
    assert "alternatives: none" in shown.stdout
    assert "\x1b" not in shown.stdout + listed.stdout
    as_json = json.loads(run(folder, "request", "show", "1", "--json").stdout)
    assert (as_json["state"], as_json["fields"]["segments"]) == ("requested", ["staff"])
    decided = run(folder, "request", "decide", "1", "approve")
    assert isinstance(decided.exception, NotPermitted)
    assert "signed in" in str(decided.exception)
    bundle, pdf = folder / "request-1.json", folder / "request-1.pdf"
    assert run(folder, "request", "bundle", "1", str(bundle), "--pdf", str(pdf)).exit_code == 0
    assert (bundle.stat().st_mode | pdf.stat().st_mode) & 0o077 == 0
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert run(folder, "request", "bundle", "1", str(bundle)).exit_code == 1, "it is not overwritten"
    key = json.loads(bundle.read_text(encoding="utf-8"))["audit"]["verifier_key"]
    for keys, code in (((), 3), (("--key", key), 0)):
        assert run(folder, "request", "check-bundle", str(bundle), *keys, has_config=False).exit_code == code
    bundle.write_text(bundle.read_text(encoding="utf-8").replace("7d", "9d").replace("Art", "Arts"), encoding="utf-8")
    checked = run(folder, "request", "check-bundle", str(bundle), "--key", key, has_config=False)
    assert checked.exit_code == 1
    refused = run(folder, "request", "file", "close", "denied.example.org", "--for-what", "x")
    assert "closed already" in str(refused.exception)
