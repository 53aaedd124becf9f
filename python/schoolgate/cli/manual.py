"""The man page and the table of exit codes, made from the program: `python -m schoolgate.cli.manual FOLDER`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from schoolgate.cli.application import app
from schoolgate.cli.exit_codes import ALL, OWN

MAN_PAGE, EXIT_CODES = "schoolgate.1", "exit-codes.md"
_HEAD = """.\\" Made by `make commands-document`.
.TH SCHOOLGATE 1
.SH NAME
schoolgate \\- a DNS filter for schools that says why
.SH SYNOPSIS
.B schoolgate
.I COMMAND
[\\fIOPTIONS\\fR]
.SH DESCRIPTION
Decides by network which names are answered, and says why. Every command says more with \\fB\\-\\-help\\fR.
.SH COMMANDS"""
_FILES = """.SH COMPLETION
\\fBschoolgate \\-\\-install\\-completion\\fR has the shell complete commands and options from the next sign\\-in on;
\\fB\\-\\-show\\-completion\\fR prints what it would install.
.SH FILES
.TP
.I /etc/schoolgate/schoolgate.toml
The settings, where neither \\fB\\-\\-config\\fR nor \\fBSCHOOLGATE_CONFIG\\fR names another file.
.TP
.I /var/lib/schoolgate
The state: policy revisions, lists, query log.
.SH ENVIRONMENT
.TP
.B SCHOOLGATE_CONFIG
The settings file.
.TP
.B SCHOOLGATE_STATE_DIR
The state directory, where the settings file names none."""


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that does something by itself: its words, and click's object."""
    yield from _below(get_command(app), ())


def man_page() -> str:
    """In the language of man(7)."""
    lines = [_HEAD]
    for words, command in commands():
        lines += [f".SS {_bold(words)}{_arguments(command)}", _text(command.help or "")]
        for option in (one for one in command.params if one.param_type_name == "option" and not one.hidden):
            names = ", ".join(_bold(name) for name in (*option.opts, *option.secondary_opts))
            value = f" {_italic(option.metavar)}" if option.metavar else ""
            lines += [".TP", f"{names}{value}", _text(option.help or "")]
    lines += [".SH EXIT STATUS"]
    for code, what in ALL.items():
        lines += [".TP", _bold(str(code)), _text(what.capitalize() + ".")]
    for words, own in OWN.items():
        said = "; ".join(f"{code}: {what}" for code, what in own.items())
        lines += [".TP", _bold(words), _text(said + ".")]
    return "\n".join([*lines, _FILES]) + "\n"


def exit_codes() -> str:
    """In Markdown."""
    lines = [
        "# Exit codes",
        "",
        "Made by `make commands-document` from `python/schoolgate/cli/exit_codes.py`. Answers go to standard output,"
        " all else to standard error.",
        "",
        "| command | code | means |",
        "|---|---|---|",
        *(f"| every command | {code} | {what} |" for code, what in ALL.items()),
        *(f"| `schoolgate {words}` | {code} | {what} |" for words, own in OWN.items() for code, what in own.items()),
    ]
    return "\n".join(lines) + "\n"


def _below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    inner: dict[str, Any] = getattr(command, "commands", {})
    if words and (not inner or command.invoke_without_command):
        yield " ".join(words), command
    for name, one in inner.items():
        if not one.hidden:
            yield from _below(one, (*words, name))


def _arguments(command: Any) -> str:
    named = [str(one.metavar or one.name.upper()) for one in command.params if one.param_type_name == "argument"]
    return "".join(f" {_italic(one)}" for one in named)


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{_escaped(text)}\\fR"


def _text(text: str) -> str:
    """One paragraph; a line that begins with a dot or a quote would be a request."""
    line = _escaped(" ".join(inspect.cleandoc(text).split()))
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def write(folder: Path) -> None:
    """Both files."""
    (folder / MAN_PAGE).write_text(man_page(), encoding="utf-8")
    (folder / EXIT_CODES).write_text(exit_codes(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
