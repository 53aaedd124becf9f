"""A misspelt segment, category, layer or policy is an error that says what was probably meant, in every command."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.stand_in.query_log import row, wal, write_rows
from tests.unit.cli.every_command import Command, every_command
from typer.testing import CliRunner

from schoolgate.cli.application import app
from schoolgate.errors import SchoolgateError

# Options that take one of known values; the value is one letter wrong.
MISSPELT = {
    "--segment": ("pupil", "did you mean pupils?"),
    "--policy": ("pupils", "did you mean pupil?"),
    "--category": ("gambing", "did you mean gambling?"),
    "--layer": ("categori", "did you mean category?"),
    "--type": ("AAA", "there is no record type"),
    "--verdict": ("denied", "deny"),
    "--source": ("cach", "cache"),
    "--class": ("ordinari", "ordinary"),
    "--format": ("txt", "is not one of"),
    "--for": ("head", "is not one of"),
    "--server": ("dnsmask", "dnsmasq"),
    "--encrypted": ("on", "ours"),
    "--outcome": ("don", "is not one of"),
    "--match": ("sufix", "suffix"),
    "--accept": ("hagezi", "is not in use"),
}
# Of the same name, and no word from a known set: a file; an address of this machine; a length of time. A name cannot be
# allowed without an end, nor exam mode begin, which is asked for first; `policy block` looks segments up by the same
# code, and exam mode has a test of its own below.
FREE = {
    ("check", "--policy"),
    ("query", "--source"),
    ("query", "--server"),
    ("check drift", "--accept"),
    ("policy block", "--for"),
    ("policy allow", "--for"),
    ("policy allow", "--segment"),
    ("exam begin", "--for"),
    ("exam begin", "--segment"),
    ("exam begin", "--policy"),
    ("request suggest", "--for"),
    ("request file", "--for"),
    ("request renew", "--for"),
}


def misspellings() -> list[tuple[Command, str]]:
    return [
        (command, option)
        for command in every_command()
        for one in command.params
        for option in one.opts
        if option in MISSPELT and not one.is_flag and (str(command), option) not in FREE
    ]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A query log of the demo policy's segments, and of a segment that no policy names any more."""
    folder = tmp_path_factory.mktemp("state")
    folder.chmod(0o700)
    now = dt.datetime.now(dt.UTC)
    write_rows(folder, wal(1), [row(time=now), row(time=now, segment="old-wing", qname="old.example.org")])
    return folder


def said(state: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, and what is wrong."""
    run = CliRunner().invoke(app, arguments, env={"SCHOOLGATE_STATE_DIR": str(state), "COLUMNS": "200"})
    if isinstance(run.exception, SchoolgateError):
        return 1, run.stdout, str(run.exception)
    return run.exit_code, run.stdout, run.stderr


def test_there_are_such_options() -> None:
    named = {f"{command} {option}" for command, option in misspellings()}
    assert {"log search --segment", "log top --category", "log tail --layer", "report daily --segment"} <= named


@pytest.mark.parametrize(("command", "option"), misspellings(), ids=lambda one: str(one))
def test_a_misspelt_value_is_an_error_with_a_suggestion(state: Path, command: Command, option: str) -> None:
    wrong, meant = MISSPELT[option]
    line = command.least
    if option in line:
        line[line.index(option) + 1] = wrong
    else:
        line += [option, wrong]
    code, out, wrong_said = said(state, *line)
    assert code in (1, 2), out
    assert meant in wrong_said
    assert out == ""


def test_what_the_log_holds_is_known_although_no_policy_names_it(state: Path) -> None:
    code, out, wrong = said(state, "log", "search", "--segment", "old-wing", "--json")
    assert (code, wrong) == (0, "")
    assert "old.example.org" in out


@pytest.mark.parametrize("filter_", [("--segment", "staff"), ("--category", "gambling"), ("--layer", "sealed")])
def test_a_known_value_that_nothing_matches_is_no_error(state: Path, filter_: tuple[str, str]) -> None:
    code, out, wrong = said(state, "log", "search", *filter_)
    assert (code, out) == (0, "")
    assert "nothing matches" in wrong


def test_all_wrong_values_are_named_at_once(state: Path) -> None:
    code, _, wrong = said(state, "log", "search", "--segment", "pupil", "--segment", "staf", "--layer", "foo")
    assert code == 1
    assert "did you mean pupils?" in wrong
    assert "did you mean staff?" in wrong
    assert "there is no layer foo; use one of:" in wrong


@pytest.mark.parametrize("option", ["--segment", "--policy"])
def test_exam_mode_says_what_was_meant(state: Path, option: str) -> None:
    wrong, meant = MISSPELT[option]
    given = {"--segment": "pupils", "--for": "3h", "--reason": "mocks"} | {option: wrong}
    code, out, wrong_said = said(state, "exam", "begin", *(part for pair in given.items() for part in pair))
    assert (code, out) == (1, "")
    assert meant in wrong_said
