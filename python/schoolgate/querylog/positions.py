"""How far the monitor has read, for maintenance by hand: rows that no detector has seen are not taken away from it."""

from __future__ import annotations

from pathlib import Path

import orjson

from schoolgate.querylog.conversion import MayDelete
from schoolgate.querylog.query import LogProblem


def read_by_monitor(state_dir: Path) -> MayDelete:
    """Asks the positions that the monitor saved. Where it never ran, there is nobody to wait for."""
    path = state_dir / "monitor" / "positions.json"
    try:
        raw = orjson.loads(path.read_bytes())
        numbers = {str(class_): int(position["number"]) for class_, position in raw.items()}
    except FileNotFoundError:
        return lambda class_, number: True
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogProblem(f"{path}: does not say how far the monitor has read ({error}); start the monitor") from error
    return lambda class_, number: numbers.get(class_, 0) > number
