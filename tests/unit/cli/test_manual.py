"""The man page and the table of exit codes are those of the program as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.cli.every_command import every_command

from schoolgate.cli.exit_codes import OWN
from schoolgate.cli.manual import EXIT_CODES, MAN_PAGE, commands, exit_codes, man_page

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("name", "text"), [(MAN_PAGE, man_page()), (EXIT_CODES, exit_codes())])
def test_the_file_is_what_the_program_says(name: str, text: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == text, "write it anew: make commands-document"


def test_every_command_and_option_is_in_the_man_page() -> None:
    plain = man_page().replace("\\-", "-")
    for command in every_command():
        assert f".SS \\fB{command}\\fR" in plain
        for option in (one for one in command.params if one.param_type_name == "option" and not one.hidden):
            assert f"\\fB{option.opts[0]}\\fR" in plain


def test_a_code_that_a_help_page_names_is_in_the_table() -> None:
    known = dict(commands())
    assert set(OWN) <= set(known)
    for words, command in known.items():
        said = f"{command.help} {command.epilog}"
        named = {int(code) for code in re.findall(r"[Ee]xits? (?:code )?([0-9])", said)}
        assert named <= {0, 1, 2, *OWN.get(words, {})}, words


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_man_reads_it_without_a_warning() -> None:
    environ = {"LC_ALL": "C.UTF-8", "MANPAGER": "cat", "PATH": "/usr/bin:/bin"}
    command = ["man", "--warnings", "-l", str(DOCS / MAN_PAGE)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert (run.returncode, run.stderr) == (0, "")
    assert "schoolgate" in run.stdout
