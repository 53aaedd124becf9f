"""Tables on narrow terminals and in pipes: headers stay, pseudonyms can be copied, programs have --json."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.stand_in.query_log import row, wal, write_rows
from tests.unit.cli.every_command import every_command
from typer.main import get_command
from typer.testing import CliRunner

from schoolgate._core import log_pseudonym
from schoolgate.cli import commands as printing
from schoolgate.cli.application import app
from schoolgate.cli.commands.terminal import table
from schoolgate.errors import SchoolgateError
from schoolgate.privacy.pseudonyms import PseudonymKey, retire

KEY = bytes(range(16))
SEEN, OTHER = log_pseudonym(KEY, "192.0.2.1"), log_pseudonym(KEY, "192.0.2.2")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A log of two devices under pseudonyms."""
    tmp_path.chmod(0o700)
    now = dt.datetime.now(dt.UTC)
    retire(tmp_path / "log", PseudonymKey(KEY, now - dt.timedelta(days=1), "test"), now + dt.timedelta(days=1))
    write_rows(tmp_path, wal(1), [row(time=now, client=SEEN, qname="seen.example.org"), row(time=now, client=OTHER)])
    return tmp_path


def run(state: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={"SCHOOLGATE_STATE_DIR": str(state), "NO_COLOR": "1"})
    if isinstance(result.exception, SchoolgateError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def narrow(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    from schoolgate.cli.commands import alerts, log_rows, terminal

    console = Console(highlight=False, soft_wrap=True, width=columns)
    for module in (terminal, log_rows, alerts):
        monkeypatch.setattr(module, "out", console)


@pytest.mark.parametrize("columns", [60, 100, 240])
def test_rows_of_the_log_have_their_headers_at_any_width(
    state: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    narrow(monkeypatch, columns)
    lines = run(state, "log", "search").splitlines()
    assert lines[0].split() == ["time", "client", "segment", "verdict", "name", "type", "why", "from"]
    assert len(lines) == 3


@pytest.mark.parametrize("columns", [60, 240])
def test_a_pseudonym_is_shown_short_and_taken_back(state: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    narrow(monkeypatch, columns)
    shown = run(state, "log", "search", "--name", "seen.example.org").split()
    (short,) = [word for word in shown if word.startswith("p-")]
    assert SEEN.startswith(short)
    assert len(short) == 10
    found = run(state, "log", "search", "--client", short, "--json")
    assert SEEN in found, "a program gets it whole"
    assert OTHER not in found
    assert short in run(state, "log", "top", "clients")


def test_a_short_form_of_nobody_or_of_several_is_refused(state: Path, tmp_path: Path) -> None:
    with pytest.raises(SchoolgateError, match="no client in the log begins with p-zzzzzz"):
        run(state, "log", "search", "--client", "p-zzzzzz")
    alike = SEEN[:12] + ("b" if SEEN[12] != "b" else "c") + SEEN[13:]
    write_rows(tmp_path, wal(2), [row(time=dt.datetime.now(dt.UTC), client=alike)])
    with pytest.raises(SchoolgateError, match="several clients begin with"):
        run(state, "log", "search", "--client", SEEN[:10])
    arguments = ["log", "search", "--client", alike[:14], "--json"]
    found = CliRunner().invoke(app, arguments, env={"SCHOOLGATE_STATE_DIR": str(state)})
    assert alike in found.stdout, "and that no key made it is said beside"


def test_a_header_is_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    made = table("supplier", "enforced", "parts of sites")
    made.add_row("x" * 80, "y" * 80, "z" * 80)
    Console(width=50).print(made)
    assert capsys.readouterr().out.splitlines()[0].split() == ["supplier", "enforced", "parts", "of", "sites"]


def calls_of(module: Any) -> dict[str, set[str]]:
    """For each function and class of a module, the functions and classes that it calls by their bare name."""
    return {
        one.name: {
            call.func.id for call in ast.walk(one) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        }
        for one in ast.parse(inspect.getsource(module)).body
        if isinstance(one, (ast.FunctionDef, ast.ClassDef))
    }


def prints_a_table(function: str, calls: dict[str, set[str]], seen: frozenset[str] = frozenset()) -> bool:
    called = calls.get(function, set())
    return "table" in called or any(
        prints_a_table(one, calls, seen | {function}) for one in called if one in calls and one not in seen
    )


def functions_with_tables() -> set[tuple[str, str]]:
    """(module, function) of what prints a table, in the modules of the commands."""
    found = set()
    for path in Path(printing.__path__[0]).glob("*.py"):
        module = __import__(f"{printing.__name__}.{path.stem}", fromlist=["x"])
        calls = calls_of(module)
        found |= {(path.stem, name) for name in calls if prints_a_table(name, calls) and path.stem != "terminal"}
    return found


def called_by(callback: Any) -> set[tuple[str, str]]:
    """(module, function) of what a command calls of the modules it imports."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(inspect.unwrap(callback))))
    modules = {
        name.asname or name.name: name.name
        for one in ast.walk(tree)
        if isinstance(one, ast.ImportFrom)
        for name in one.names
    }
    return {
        (modules[call.func.value.id], call.func.attr)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in modules
    }


def test_every_command_that_prints_a_table_has_json() -> None:
    tables = functions_with_tables()
    assert {("feeds", "list_feeds"), ("policy", "log"), ("log_rows", "search"), ("explain", "explain")} <= tables
    without = []
    for command in every_command():
        here: Any = get_command(app)
        for word in command.words:
            here = here.commands[word]
        has_json = any("--json" in one.opts for one in command.params)
        if called_by(here.callback) & tables and not has_json:
            without.append(str(command))
    # It shows the licences that are to be accepted; `feeds recommend --json` has the same.
    assert without == ["feeds enable"]


def test_looking_at_alerts_makes_nothing_but_the_record_of_who_saw_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for arguments in (("list",), ("list", "--summary"), ("list", "--undelivered")):
        run(tmp_path, "alerts", *arguments)
    assert list(tmp_path.iterdir()) == []
    run(tmp_path, "alerts", "export")
    with pytest.raises(SchoolgateError, match="1"):
        run(tmp_path, "alerts", "show", "1")
    assert {one.name.partition(".")[0] for one in tmp_path.iterdir()} == {"control"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_commands(shell: str) -> None:
    script = CliRunner().invoke(app, [], prog_name="schoolgate", env={"_SCHOOLGATE_COMPLETE": f"source_{shell}"})
    assert "_SCHOOLGATE_COMPLETE" in script.output
