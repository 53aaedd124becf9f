"""Whatever value stands on the command line, the words about it are ours and not those of a library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.cli.every_command import Command, every_command
from typer.testing import CliRunner

from schoolgate.cli.application import app

THEIRS = re.compile(r"input should|value error|unable to parse|valid (integer|number)|assertion failed")


def numbers_and_choices() -> list[tuple[Command, str]]:
    """Every command with an option or argument that is no free text."""
    return [
        (command, one.opts[0] if one.param_type_name == "option" else str(command.words))
        for command in every_command()
        for one in command.params
        if one.type_descriptor.is_choice or re.search(r"\b(int|float)\b", str(one.type_descriptor.annotation))
    ]


def said(folder: Path, line: list[str]) -> str:
    run = CliRunner().invoke(app, line, env={"SCHOOLGATE_STATE_DIR": str(folder), "COLUMNS": "200"})
    assert run.exit_code == 2, run.output
    return " ".join(run.stderr.split())


@pytest.mark.parametrize("wrong", ["x", "-7", "1e400", "9" * 5000])
def test_no_message_about_an_option_is_in_the_words_of_a_library(tmp_path: Path, wrong: str) -> None:
    options = [(command, option) for command, option in numbers_and_choices() if option.startswith("--")]
    assert len(options) > 40
    for command, option in options:
        line = command.least
        if option in line:
            line[line.index(option) + 1] = wrong
        else:
            line = [*command.words, option, wrong, *line[len(command.words) :]]
        run = CliRunner().invoke(app, line, env={"SCHOOLGATE_STATE_DIR": str(tmp_path), "COLUMNS": "200"})
        assert THEIRS.search(" ".join(run.stderr.split()).lower()) is None, (str(command), option, run.stderr)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "log search --verdict denied",
            '"denied" is not one of allow, deny, deny-revealed, rewrite, fail; did you mean deny?',
        ),
        ("log top domain", '"domain" is not one of names, domains, categories'),
        ("log search --most x", '"x" is not a whole number'),
        ("policy replay --days 0", '"0" is too small: 1 at least'),
        ("policy replay --days 400", '"400" is too large: 366 at most'),
        ("status --timeout x", '"x" is not a number'),
        ("alerts ack x", '"x" is not a whole number'),
    ],
)
def test_it_is_said_what_is_wrong_and_what_may_stand_there(tmp_path: Path, line: str, wanted: str) -> None:
    assert wanted in said(tmp_path, line.split())
