"""`serve` and `run` without the parser do what they would do with it; whatever is not plain is the parser's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from schoolgate.__main__ import PlainStart, plain_start
from schoolgate.cli.application import app
from schoolgate.cli.commands import serve as service

HERE = str(Path(__file__))
WORDS = (
    *("run", "serve", "status", "--config", "-c", "--log-level", "--help", "-h", "--", "-cx", "info", "debug", "loud"),
    *(HERE, f"--config={HERE}", f"-c{HERE}", str(Path(__file__).parent), "/nowhere.toml", "/" + "a" * 300, ""),
)


def parsed(arguments: list[str], environ: dict[str, str]) -> PlainStart | None:
    """What the parser makes of the arguments; None where it starts nothing."""
    begun: list[PlainStart] = []
    with pytest.MonkeyPatch.context() as patch:
        for command in ("run", "serve"):

            def begin(config: Path | None, log_level: str, command: str = command) -> None:
                begun.append(PlainStart(command, config, log_level))

            patch.setattr(service, command, begin)
        outcome = CliRunner().invoke(app, arguments, env={"SCHOOLGATE_CONFIG": None, **environ})
    assert bool(begun) <= (outcome.exit_code == 0)
    return begun[0] if begun else None


plain_lines = st.lists(
    st.tuples(st.sampled_from(("--config", "-c", "--log-level")), st.sampled_from(("info", "error", HERE))), max_size=3
).map(lambda pairs: [word for pair in pairs for word in pair])
lines: Any = st.lists(st.sampled_from(WORDS), max_size=6) | st.tuples(
    st.sampled_from(("run", "serve")), plain_lines
).map(lambda line: [line[0], *line[1]])


@settings(deadline=None, max_examples=150)
@given(
    lines, st.sampled_from(({}, {"SCHOOLGATE_CONFIG": HERE}, {"SCHOOLGATE_CONFIG": ""}, {"SCHOOLGATE_CONFIG": "/no"}))
)
def test_a_plain_line_means_what_the_parser_makes_of_it(arguments: list[str], environ: dict[str, str]) -> None:
    plain = plain_start(arguments, environ)
    assert plain is None or plain == parsed(arguments, environ)


@pytest.mark.parametrize(
    "line",
    ["serve", f"serve --config {HERE}", f"serve -c {HERE} --log-level debug", f"run --log-level error --config {HERE}"],
)
def test_what_a_service_manager_writes_is_plain(line: str) -> None:
    plain = plain_start(line.split(), {})
    assert plain is not None
    assert plain == parsed(line.split(), {})


@pytest.mark.parametrize(
    "line",
    ["", "serve --help", "serve --log-level loud", "serve --config /nowhere.toml", f"serve --config={HERE}", "status",
     f"run --config {Path(__file__).parent}", "serve --config", f"--config {HERE}", "run now"],
)  # fmt: skip
def test_help_and_mistakes_are_the_parsers(line: str) -> None:
    assert plain_start(line.split(), {}) is None
