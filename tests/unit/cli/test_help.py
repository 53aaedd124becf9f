"""The command line teaches: every command has help, an example where it matters, and --config."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from schoolgate._core import __version__
from schoolgate.cli.application import app

WIDE = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
COMMANDS = (
    "run",
    "serve",
    "reload",
    "check",
    "check reachability",
    "check safesearch",
    "export firewall",
    "report daily",
    "report weekly",
    "report termly",
    "report list",
    "explain",
    "query",
    "status",
    "lists build",
    "lists suggestions",
    "lists suggestions look",
    "lists suggestions accept",
    "lists suggestions dismiss",
    "lists show",
    "policy apply",
    "policy show",
    "policy diff",
    "policy log",
    "policy rollback",
    "policy templates",
)


def helped(command: str) -> str:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env=WIDE)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_it_says_which_version_it_is(option: str) -> None:
    result = CliRunner().invoke(app, [option])
    assert (result.exit_code, result.output) == (0, f"schoolgate {__version__}\n")


def test_the_first_page_shows_how_to_begin() -> None:
    assert "schoolgate run" in helped("")
    assert "schoolgate explain" in helped("")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_takes_a_settings_file(command: str) -> None:
    assert "--config" in helped(command)


@pytest.mark.parametrize("arguments", [["explain"], ["nonsense"], ["policy", "rollback", "one", "--reason", "x"]])
def test_wrong_usage_has_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments, env=WIDE).exit_code == 2
