"""The command line teaches: every command has help, an example where it matters, and --config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from schoolgate._core import __version__
from schoolgate.cli.application import app

WIDE = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
TAKES_NO_SETTINGS_FILE = {"config sample", "request check-bundle"}
"""One prints the file that the others take; one is for any machine."""


def _below(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, bool]]:
    """Each command: its words, its one sentence, and whether it does something by itself, without a word more."""
    inner: dict[str, Any] = getattr(command, "commands", {})
    if path:
        yield " ".join(path), command.help or "", not inner or command.invoke_without_command
    for name, one in inner.items():
        yield from _below(one, (*path, name))


COMMANDS = list(_below(get_command(app)))
WORKING = [command for command, _, works in COMMANDS if works]


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


def test_the_commands_are_found_in_the_program_itself() -> None:
    assert {"run", "check", "check reachability", "lists suggestions accept", "log erase"} <= set(WORKING)
    assert {"policy", "export"}.isdisjoint(WORKING)
    assert {command for command, *_ in COMMANDS} >= TAKES_NO_SETTINGS_FILE


@pytest.mark.parametrize(("command", "sentence"), [(command, sentence) for command, sentence, _ in COMMANDS])
def test_every_command_says_what_it_does(command: str, sentence: str) -> None:
    first = sentence.partition("\n\n")[0].strip()
    assert first[:1].isupper()
    assert first.endswith("."), "a whole sentence"
    assert " ".join(first.split()) in " ".join(helped(command).split())


@pytest.mark.parametrize("command", sorted(set(WORKING) - TAKES_NO_SETTINGS_FILE))
def test_every_command_takes_a_settings_file(command: str) -> None:
    assert "--config" in helped(command)


@pytest.mark.parametrize("arguments", [["explain"], ["nonsense"], ["policy", "rollback", "one", "--reason", "x"]])
def test_wrong_usage_has_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments, env=WIDE).exit_code == 2
