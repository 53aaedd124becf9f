"""An operation, asked for by the command line: what it says on the way goes to standard error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from schoolgate.cli.commands.terminal import note
from schoolgate.operations import asking
from schoolgate.operations.work import Progress, Said

_STYLES = {"refused": "bold red", "warning": "yellow", "notice": "bold red"}


def ask(config: Path | None, name: str, /, **arguments: Any) -> Any:
    """Its result. Raises what stands in its way."""
    return asking.ask(config, name, _say, **arguments)


def ask_as(config: Path | None, session: str, name: str, /, **arguments: Any) -> Any:
    """Its result for a person who signs in here: a session, "" before there is one."""
    return asking.ask(config, name, _say, as_session=session, **arguments)


def ask_watching(config: Path | None, name: str, say: Callable[[Said], None], /, **arguments: Any) -> Any:
    """Its result; `say` gets what it says on the way."""
    return asking.ask(config, name, say, **arguments)


def _say(one: Said) -> None:
    if isinstance(one, Progress):
        note(one.sentence)
    else:
        note(f"{'mute' if one.id == 'mute-rule' else one.severity}: {one.sentence}", _STYLES[one.severity])
