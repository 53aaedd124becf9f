"""The review queue: what was suggested, and what a person said. In the state directory, in SQLite.

A suggestion that was dismissed is not made again. There is no client in it: which name, how often, since when.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schoolgate.errors import SchoolgateError
from schoolgate.suggestions.suggest import Suggestion

# More than a person will ever review; beyond it only counts of known ones rise.
MOST_OPEN = 1000
# Decisions are kept, so that no name is decided twice; the oldest are forgotten first.
MOST_DECIDED = 20_000
LONGEST_TEXT = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS suggestions (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, resembles TEXT NOT NULL, category TEXT NOT NULL, asked INTEGER NOT NULL,
    first_at TEXT NOT NULL, last_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'dismissed')),
    who TEXT, reason TEXT, decided_at TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS suggestions_by_state ON suggestions (state, asked);
"""
_COLUMNS = "name, kind, resembles, category, asked, first_at, last_at, state, who, reason, decided_at"


class QueueUnusable(SchoolgateError):
    """The file of suggestions cannot be used."""


class NoSuchSuggestion(SchoolgateError):
    """Nothing of this name is to be decided."""


@dataclass(frozen=True)
class Row:
    """A suggestion with what became of it."""

    name: str
    kind: str
    resembles: str
    category: str
    asked: int
    first_at: str
    last_at: str
    state: str
    who: str | None
    reason: str | None
    decided_at: str | None


class Queue:
    """`<state>/suggestions.db`. Each call is one transaction."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "suggestions.db"

    def add(self, suggestions: Iterable[Suggestion], now: dt.datetime) -> int:
        """How many are new. ComparisonNames ones are counted up, whatever was decided of them."""
        at, new = _stamp(now), 0
        with self._open() as database:
            room = MOST_OPEN - self._count(database)
            for one in suggestions:
                known = database.execute(
                    "UPDATE suggestions SET asked = asked + ?, last_at = ? WHERE name = ?", (one.asked, at, one.name)
                ).rowcount
                if not known and new < room:
                    row = (one.name, one.kind, one.resembles, one.category, one.asked, at, at)
                    columns = "name, kind, resembles, category, asked, first_at, last_at"
                    database.execute(f"INSERT INTO suggestions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                    new += 1
        return new

    def rows(self, state: str | None = "open", most: int = MOST_OPEN) -> list[Row]:
        """Most asked first; None for all."""
        if not self.path.exists():
            return []
        where = "WHERE state = ?" if state is not None else ""
        with self._open() as database:
            found = database.execute(
                f"SELECT {_COLUMNS} FROM suggestions {where} ORDER BY asked DESC, name LIMIT ?",
                (*((state,) if state is not None else ()), most),
            ).fetchall()
        return [Row(*one) for one in found]

    def decide(self, name: str, state: str, who: str, reason: str, now: dt.datetime) -> Row:
        """Raises `NoSuchSuggestion`."""
        decided = (state, who[:LONGEST_TEXT], reason[:LONGEST_TEXT], _stamp(now), name.lower().rstrip("."))
        with self._open() as database:
            changed = database.execute(
                "UPDATE suggestions SET state = ?, who = ?, reason = ?, decided_at = ? WHERE name = ?", decided
            ).rowcount
            if not changed:
                raise NoSuchSuggestion(f"nothing is suggested of {name}; see `schoolgate lists suggestions`")
            database.execute(
                "DELETE FROM suggestions WHERE state != 'open' AND name NOT IN (SELECT name FROM suggestions"
                " WHERE state != 'open' ORDER BY decided_at DESC LIMIT ?)",
                (MOST_DECIDED,),
            )
            row = database.execute(f"SELECT {_COLUMNS} FROM suggestions WHERE name = ?", decided[-1:]).fetchone()
        return Row(*row)

    @staticmethod
    def _count(database: sqlite3.Connection) -> int:
        return int(database.execute("SELECT count(*) FROM suggestions WHERE state = 'open'").fetchone()[0])

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.touch(mode=0o600, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=10.0)) as database, database:
                database.executescript(_SCHEMA)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise QueueUnusable(
                f"{self.path}: {error}; check rights and space, or remove the file: only the queue is lost"
            ) from error


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")
