"""Which device an address was at a past moment, in one SQLite file: spans of time, by the text that the log has.

Where the log has pseudonyms, so has this file: it holds no address that the log would not hold. The monitor writes it;
erasing a client, and the age of the log's rows, take spans away for good.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schoolgate.errors import SchoolgateError
from schoolgate.identity.binding import Confidence
from schoolgate.storage.sqlite_file import SqliteFile, make_private

FILE = Path("monitor") / "devices.db"
BUSY_TIMEOUT_S = 5.0
# Of five thousand devices with three addresses each, a change an hour is a million a month; the oldest go first.
MOST_SPANS = 3_000_000
_AT_ONCE = 400
FOLLOWED, ERASED = "followed", "erased"
SCHEMA_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS spans (
    client TEXT NOT NULL, since_us INTEGER NOT NULL, until_us INTEGER NOT NULL, device TEXT NOT NULL,
    source TEXT NOT NULL, confidence INTEGER NOT NULL, is_open INTEGER NOT NULL,
    PRIMARY KEY (client, since_us)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS spans_by_device ON spans (device, until_us);
CREATE INDEX IF NOT EXISTS spans_by_end ON spans (until_us);
CREATE INDEX IF NOT EXISTS spans_open ON spans (client) WHERE is_open;
CREATE TABLE IF NOT EXISTS devices (
    device TEXT PRIMARY KEY, host_name TEXT, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, at_us INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


class AttributionUnavailable(SchoolgateError):
    """The file of past addresses cannot be read or written."""


@dataclass(frozen=True)
class Span:
    """A device had an address, as `client` of the log. `until_us` is outside; `is_open`: as far as it is known now."""

    client: str
    device: str
    source: str
    confidence: Confidence
    since_us: int
    until_us: int
    is_open: bool = False


@dataclass(frozen=True)
class SeenDevice:
    """A device that has spans. `host_name`: what it called itself last."""

    device: str
    host_name: str | None
    first_us: int
    last_us: int


class Attribution(SqliteFile):
    """Blocking; each call is one transaction. Made by `open`."""

    unavailable = AttributionUnavailable

    @classmethod
    def open(cls, state_dir: Path) -> Attribution:
        """Makes the file if need be (mode 0600). Raises `AttributionUnavailable`."""
        path = state_dir / FILE
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            make_private(path)
            db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            # What was erased is overwritten, not only unlinked.
            for setting in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
                db.execute(f"PRAGMA {setting}")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                db.close()
                raise AttributionUnavailable(f"{path} is of another version ({version}); use the one that wrote it")
            db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise AttributionUnavailable(f"{path}: {error}; check rights and space, or move the file away") from error
        return cls(path, db)

    @classmethod
    def existing(cls, state_dir: Path) -> Attribution | None:
        """The file for who only looks; None where there is none."""
        return cls.open(state_dir) if (state_dir / FILE).exists() else None

    def __enter__(self) -> Attribution:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what the monitor writes ----------------------------------------------------------------------------------

    def open_spans(self) -> dict[str, Span]:
        """By client."""
        return {row[0]: _span(row) for row in self.rows("SELECT * FROM spans WHERE is_open")}

    def mark(self, name: str) -> int:
        """A moment that is kept: `FOLLOWED`, when the table was looked at last; `ERASED`, when something was erased."""
        rows = self.rows("SELECT at_us FROM marks WHERE name = ?", (name,))
        return int(rows[0][0]) if rows else 0

    def set_mark(self, name: str, at_us: int) -> None:
        """Keeps a moment."""
        with self.transaction() as db:
            _set_mark(db, name, at_us)

    def last_ends(self, clients: Collection[str]) -> dict[str, int]:
        """When the last span of each client ended, of those that have one."""
        found: dict[str, int] = {}
        wanted = sorted(clients)
        for at in range(0, len(wanted), _AT_ONCE):
            some = wanted[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            found |= dict(
                self.rows(f"SELECT client, MAX(until_us) FROM spans WHERE client IN ({marks}) GROUP BY client", some)
            )
        return found

    def note(
        self, spans: Iterable[Span], ended: Iterable[Span], host_names: Mapping[str, str | None], now_us: int
    ) -> None:
        """Begins spans, goes on with those that are there, and ends others. `host_names`: of the devices of `spans`."""
        with self.transaction() as db:
            _set_mark(db, FOLLOWED, now_us)
            db.executemany(
                "UPDATE spans SET until_us = MIN(until_us, ?), is_open = 0 WHERE client = ? AND since_us = ?",
                [(one.until_us, one.client, one.since_us) for one in ended],
            )
            spans = list(spans)
            db.executemany(
                "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (client, since_us) DO UPDATE SET"
                " until_us = excluded.until_us, device = excluded.device, source = excluded.source,"
                " confidence = excluded.confidence, is_open = 1",
                [(o.client, o.since_us, o.until_us, o.device, o.source, int(o.confidence)) for o in spans],
            )
            db.executemany(
                "INSERT INTO devices VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET"
                " host_name = COALESCE(excluded.host_name, host_name), last_us = MAX(last_us, excluded.last_us)",
                [(o.device, host_names.get(o.device), o.since_us, o.until_us) for o in spans],
            )

    def forget_before(self, before_us: int, keeping: Collection[str] = ()) -> int:
        """Removes spans that ended before a moment, but those of the clients of `keeping`; how many."""
        with self.transaction() as db:
            db.execute("CREATE TEMP TABLE IF NOT EXISTS kept (client TEXT PRIMARY KEY)")
            db.execute("DELETE FROM kept")
            db.executemany("INSERT OR IGNORE INTO kept VALUES (?)", [(one,) for one in keeping])
            done = db.execute(
                "DELETE FROM spans WHERE until_us < ? AND client NOT IN (SELECT client FROM kept)", (before_us,)
            ).rowcount
            excess = db.execute("SELECT COUNT(*) FROM spans").fetchone()[0] - MOST_SPANS
            if excess > 0:
                oldest = "SELECT client, since_us FROM spans ORDER BY until_us LIMIT ?"
                db.execute(f"DELETE FROM spans WHERE (client, since_us) IN ({oldest})", (excess,))
                done += excess
            _forget_devices(db)
        return done

    def erase_clients(self, clients: Sequence[str], now_us: int) -> int:
        """Removes every span of these texts up to now; how many."""
        with self.transaction() as db:
            _set_mark(db, ERASED, now_us)
            done = sum(db.execute("DELETE FROM spans WHERE client = ?", (one,)).rowcount for one in clients)
            _forget_devices(db)
        self._shorten()
        return done

    def erase_device(self, device: str, now_us: int) -> int:
        """Removes every span of a device up to now; how many."""
        with self.transaction() as db:
            _set_mark(db, ERASED, now_us)
            done = db.execute("DELETE FROM spans WHERE device = ?", (device,)).rowcount
            _forget_devices(db)
        self._shorten()
        return done

    def _shorten(self) -> None:
        """The write-ahead log holds what was erased until it is written over. Where a reader hinders that now, the next
        checkpoint does it."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # -- what others read -----------------------------------------------------------------------------------------

    def spans_of_clients(self, clients: Collection[str], since_us: int, until_us: int) -> dict[str, list[Span]]:
        """Spans that overlap a time, oldest first, by client."""
        found: dict[str, list[Span]] = {}
        wanted = sorted(set(clients))
        for at in range(0, len(wanted), _AT_ONCE):
            some = wanted[at : at + _AT_ONCE]
            rows = self.rows(
                f"SELECT * FROM spans WHERE client IN ({', '.join('?' * len(some))}) AND since_us < ? AND until_us > ?"
                " ORDER BY client, since_us",
                (*some, until_us, since_us),
            )
            for row in rows:
                found.setdefault(row[0], []).append(_span(row))
        return found

    def spans_of_device(self, device: str, most: int) -> tuple[Span, ...]:
        """The newest first."""
        rows = self.rows("SELECT * FROM spans WHERE device = ? ORDER BY until_us DESC LIMIT ?", (device, most))
        return tuple(map(_span, rows))

    def clients_of_device(self, device: str) -> list[str]:
        """Every text under which the log may know it."""
        return [row[0] for row in self.rows("SELECT DISTINCT client FROM spans WHERE device = ?", (device,))]

    def devices(self) -> dict[str, SeenDevice]:
        """Every device that has spans."""
        return {row[0]: SeenDevice(*row) for row in self.rows("SELECT * FROM devices")}

    def device(self, device: str) -> SeenDevice | None:
        """One of them."""
        rows = self.rows("SELECT * FROM devices WHERE device = ?", (device,))
        return SeenDevice(*rows[0]) if rows else None


def _set_mark(db: sqlite3.Connection, name: str, at_us: int) -> None:
    db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, at_us))


def _forget_devices(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM devices WHERE device NOT IN (SELECT device FROM spans)")


def _span(row: Sequence[Any]) -> Span:
    client, since_us, until_us, device, source, confidence, is_open = row
    return Span(client, device, source, Confidence(confidence), since_us, until_us, bool(is_open))
