"""The rows of the query log that a self-test makes, written down before each is asked for.

A row of a sealed name holds no name, so nothing in it tells a self-test from a pupil. What is announced here does: the
client as the log writes it, how it asked, and when. One announcement stands for one row, so that a real question from
the same address is never taken for the test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from schoolgate.storage.atomic_file import PRIVATE, write_whole

# An answer is recorded at once; a datagram is tried for some seconds.
WINDOW_US = 10_000_000
# The clock of a worker is read once a batch.
_BEFORE_US = 1_000_000
# As long as rows of sealed lists may be kept, with room; a monitor that was off reads old rows.
_KEPT_US = 400 * 86_400 * 1_000_000
MOST_ROWS = 20_000


@dataclass(frozen=True)
class AnnouncedRow:
    """`id` is its own; `clients`: the texts by which the log may know the client; `door`: "udp" or "tcp"."""

    id: str
    clients: tuple[str, ...]
    door: str
    at_us: int

    def fits(self, client: str, door: str, time_us: int) -> bool:
        """Whether a row of a sealed name may be this one."""
        return client in self.clients and door == self.door and -_BEFORE_US <= time_us - self.at_us <= WINDOW_US


def announce(state_dir: Path, rows: Iterable[AnnouncedRow]) -> None:
    """Writes rows down. Raises `OSError`: then nothing may be asked, or people would get an alarm."""
    made = list(rows)
    if made:
        oldest = max(one.at_us for one in made) - _KEPT_US
        kept = [*(one for one in announced(state_dir) if one.at_us >= oldest), *made][-MOST_ROWS:]
        write_whole(_path(state_dir), orjson.dumps([asdict(one) for one in kept]), PRIVATE)


def announced(state_dir: Path) -> tuple[AnnouncedRow, ...]:
    """Every row that is written down; none where the file cannot be read, so that no row passes for a test."""
    try:
        raw: list[dict[str, Any]] = orjson.loads(_path(state_dir).read_bytes())
        return tuple(AnnouncedRow(**{**one, "clients": tuple(one["clients"])}) for one in raw)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _path(state_dir: Path) -> Path:
    return state_dir / "sealed" / "selftest-rows.json"
