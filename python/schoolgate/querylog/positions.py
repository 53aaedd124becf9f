"""How far the monitor has read, for maintenance by hand: rows that no detector has seen are not taken away from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import orjson

from schoolgate.querylog.conversion import MayDelete
from schoolgate.querylog.layout import Wal
from schoolgate.querylog.log_query import LogProblem


def read_by_monitor(state_dir: Path) -> MayDelete:
    """Asks the positions that the monitor saved. Where it never ran, there is nothing to wait for."""
    path = _positions(state_dir)
    try:
        raw = orjson.loads(path.read_bytes())
        numbers = {str(class_): int(position["number"]) for class_, position in raw.items()}
    except FileNotFoundError:
        return lambda class_, number: True
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogProblem(f"{path}: does not say how far the monitor has read ({error}); start the monitor") from error
    return lambda class_, number: numbers.get(class_, 0) > number


def unread_by_monitor(state_dir: Path, closed: Sequence[Wal]) -> str | None:
    """Which of these wait for the monitor, and what to do."""
    is_read = read_by_monitor(state_dir)
    waiting = [wal for wal in closed if not is_read(wal.class_, wal.number)]
    if not waiting:
        return None
    saved = dt.datetime.fromtimestamp(_positions(state_dir).stat().st_mtime, dt.UTC)
    return (
        f"{len(waiting)} closed files wait, {waiting[0].path.name} first: the monitor has not read them, and saved its"
        f" place last at {saved:%Y-%m-%d %H:%M %Z}; start the monitor"
    )


def _positions(state_dir: Path) -> Path:
    return state_dir / "monitor" / "positions.json"
