"""Rows that the hourly checks of this server made: no device asked them, so searches and counts leave them out.

`schoolgate.checks.own_questions` writes down what a check will ask, from which addresses and when, before it asks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

_MINUTE_US = 60_000_000
# The clock of a worker of the server is read once a batch.
_BEFORE_US = 1_000_000


@dataclass(frozen=True)
class CheckRows:
    """`minutes`: since 1970, by a client's text in the log: in these a check asked from there. A device cannot have an
    address of this machine in the same minute."""

    names: frozenset[str] = frozenset()
    minutes: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def has(self, client: str, name: str, time_us: int) -> bool:
        """Whether a check made this row."""
        return name in self.names and time_us // _MINUTE_US in self.minutes.get(client, ())

    def between(self, since_us: int | None, until_us: int | None) -> dict[str, Any]:
        """As JSON values, of a time: {"names": [...], "minutes": {client: [...]}}; {} where no check was made in it."""
        first = 0 if since_us is None else since_us // _MINUTE_US
        last = 1 << 62 if until_us is None else until_us // _MINUTE_US
        found = {
            client: sorted(one for one in minutes if first <= one <= last) for client, minutes in self.minutes.items()
        }
        some = {client: minutes for client, minutes in found.items() if minutes}
        return {"names": sorted(self.names), "minutes": some} if some else {}


def check_rows(state_dir: Path) -> CheckRows:
    """What was announced; nothing where the file cannot be read, so that no row passes for a check's."""
    path = state_dir / "checks" / "own-questions.json"
    try:
        found = path.stat()
    except OSError:
        return CheckRows()
    return _read(path, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=4)
def _read(path: Path, _mtime_ns: int, _inode: int) -> CheckRows:
    try:
        raw = orjson.loads(path.read_bytes())
        minutes: dict[str, set[int]] = {}
        for clients, since, until in raw["windows"]:
            of = range((int(since) - _BEFORE_US) // _MINUTE_US, int(until) // _MINUTE_US + 1)
            for client in clients:
                minutes.setdefault(str(client), set()).update(of)
        return CheckRows(frozenset(raw["names"]), {client: frozenset(some) for client, some in minutes.items()})
    except (OSError, ValueError, TypeError, KeyError):
        return CheckRows()


def moment_us(moment: dt.datetime | None) -> int | None:
    """Microseconds since 1970, rounded down."""
    return None if moment is None else int(moment.timestamp() * 1e6)
