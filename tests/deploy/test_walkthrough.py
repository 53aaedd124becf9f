"""The walkthrough and the units speak of files and commands that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# Where units and manuals show something to run: Exec lines, indented blocks, words in backticks.
SHOWN = re.compile(r"^Exec\w+=(.+)$|^ {4}(.+)$|`([^`\n]+)`", re.MULTILINE)
# "check" is a command and a group.
GROUPS = "alerts|backup|export|feeds|lists|log|policy|report|sealed"
COMMAND = re.compile(rf"(?:^|[ /])schoolgate +(?!schoolgate)((?:{GROUPS}) [a-z]+|[a-z]+)(?=\s|$)([^#]*)")


def commands() -> dict[str, set[str]]:
    """Each sub-command that deploy/ names, with its long options."""
    found: dict[str, set[str]] = {}
    for file in [*DEPLOY.glob("systemd/*.service"), *DEPLOY.glob("**/*.md")]:
        one_line_each = re.sub(r"\\\n\s*", "", file.read_text(encoding="utf-8"))
        for shown in SHOWN.finditer(one_line_each):
            for command, rest in COMMAND.findall(next(filter(None, shown.groups()))):
                found.setdefault(command, set()).update(re.findall(r"(--[a-z-]+)", rest))
    return found


@pytest.mark.parametrize(
    "file",
    sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.parent.name != "__pycache__"),
    ids=lambda path: path.name,
)
def test_the_walkthrough_knows_every_file(file: Path) -> None:
    if file.name != "README.md" and file.parent.name != "container":
        path = str(file.relative_to(DEPLOY))
        assert path in (DEPLOY / "README.md").read_text(encoding="utf-8"), path


def test_commands_are_found_in_the_manuals() -> None:
    assert {"serve", "check", "reload", "status", "explain", "lists build", "policy apply"} <= set(commands())


@pytest.mark.parametrize("command", sorted(commands()))
def test_each_command_exists_with_the_options_shown(command: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "schoolgate", *command.split(), "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
        env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert run.returncode == 0, run.stdout
    for option in commands()[command]:
        assert option in run.stdout, f"schoolgate {command} has no {option}"
