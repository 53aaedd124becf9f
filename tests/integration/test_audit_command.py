"""`audit log | show | verify | export | checkpoint` from outside: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from schoolgate.cli.audit import audit_app
from schoolgate.errors import SchoolgateError

# As `schoolgate audit` runs it: errors are sentences, not traces.
PROGRAM = (
    "import sys\n"
    "from schoolgate.cli.audit import audit_app\n"
    "from schoolgate.errors import SchoolgateError\n"
    "try:\n"
    "    audit_app()\n"
    "except SchoolgateError as error:\n"
    "    sys.exit(f'error: {error}')\n"
)


class School:
    """A state directory with an audit log of a hundred entries. Commands run in this process, which is faster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.store = self.state / "control.db"
        self.environment = {"SCHOOLGATE_STATE_DIR": str(self.state)}

    def audit(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(audit_app, [*map(str, arguments)], env=self.environment)

    def done(self, *arguments: str | Path) -> str:
        ran = self.audit(*arguments)
        assert ran.exit_code == 0, ran.exception
        return ran.stdout

    def process(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment}
        command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=self.folder)

    def sql(self, statements: Sequence[str]) -> None:
        with closing(sqlite3.connect(self.store)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory that each test copies."""
    state = tmp_path_factory.mktemp("made") / "state"
    command = [sys.executable, "-m", "tests.integration.audit_writer", str(state / "control.db"), "100"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return state


@pytest.fixture
def school(made: Path, tmp_path: Path) -> School:
    shutil.copytree(made, tmp_path / "state")
    return School(tmp_path)


def test_a_log_is_signed_exported_and_verified_on_another_machine(school: School, tmp_path: Path) -> None:
    note, export = tmp_path / "monday.txt", tmp_path / "audit.jsonl"
    note.write_text(school.done("checkpoint"), encoding="utf-8")
    key = school.done("checkpoint", "--key").strip()
    school.done("export", export)
    assert stat.S_IMODE(export.stat().st_mode) == 0o600
    assert stat.S_IMODE((school.state / "audit.key").stat().st_mode) == 0o600
    school.state.rename(tmp_path / "gone")
    verified = school.process("verify", "--export", export, "--checkpoint", note, "--key", key)
    assert (verified.returncode, "sound" in verified.stdout) == (0, True), verified.stderr
    earlier = tmp_path / "earlier.jsonl"
    earlier.write_bytes(export.read_bytes())
    export.write_bytes(export.read_bytes().replace(b"local:writer", b"local:nobody", 1))
    edited = school.audit("verify", "--export", export, "--earlier", earlier, "--checkpoint", note)
    assert (edited.exit_code, "edit: epoch 1: entry 0 was changed since the earlier export" in edited.stdout) == (
        1,
        True,
    )
    export.write_bytes(earlier.read_bytes())
    alone = school.process("verify", "--export", export)
    assert (alone.returncode, "consistent with itself only" in alone.stdout) == (3, True)


def test_the_store_itself_is_verified(school: School, tmp_path: Path) -> None:
    note = tmp_path / "monday.txt"
    note.write_text(school.done("checkpoint"), encoding="utf-8")
    assert school.audit("verify").exit_code == 3
    assert school.audit("verify", "--checkpoint", note).exit_code == 0
    school.sql(["DELETE FROM audit_entry WHERE number = 50"])
    found = school.audit("verify", "--checkpoint", note, "--json")
    assert found.exit_code == 1
    problems = json.loads(found.stdout)["problems"]
    assert [(one["kind"], one["first"], one["last"]) for one in problems] == [("removal", 50, 50)]


def test_entries_are_listed_and_shown_with_a_proof(school: School) -> None:
    listed = json.loads(school.done("log", "-n", "3", "--json"))
    assert [one["number"] for one in listed] == [99, 98, 97]
    assert "local:writer" in school.done("log")
    shown = json.loads(school.done("show", "42", "--json"))
    assert (shown["number"], shown["proof"]["size"], len(shown["proof"]["hashes"])) == (42, 100, 7)
    missing = school.audit("show", "100")
    assert "no entry 100" in str(missing.exception)


def test_an_export_is_recorded_and_replaces_no_file(school: School, tmp_path: Path) -> None:
    export = tmp_path / "audit.jsonl"
    school.done("export", export)
    assert json.loads(school.done("log", "-n", "1", "--json"))[0]["operation"] == "audit.export"
    again = school.audit("export", export)
    assert "does not exist yet" in str(again.exception)


def test_a_rotated_key_is_followed(school: School, tmp_path: Path) -> None:
    notes = []
    for more in ([], ["--rotate"], []):
        note = tmp_path / f"{len(notes)}.txt"
        note.write_text(school.done("checkpoint", *more), encoding="utf-8")
        notes += ["--checkpoint", str(note)]
    assert school.audit("verify", *notes).exit_code == 0
    assert sorted(one.name for one in school.state.iterdir() if "key" in one.name) == ["audit.key"]


def test_what_is_missing_or_no_checkpoint_is_said_in_a_sentence(school: School, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for arguments in (
        ("verify", "--checkpoint", tmp_path / "none"),
        ("verify", "--checkpoint", tmp_path / "binary"),
        ("verify", "--export", tmp_path / "none"),
        ("verify", "--earlier", tmp_path / "none"),
        ("verify", "--key", "nonsense"),
        ("checkpoint", "--rotate"),
    ):
        ran = school.audit(*arguments)
        assert isinstance(ran.exception, SchoolgateError), arguments
    school.state.rename(tmp_path / "gone")
    missing = school.process("log")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: ")
    assert "no database yet" in missing.stderr
