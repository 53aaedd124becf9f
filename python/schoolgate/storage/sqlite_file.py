"""An SQLite file of one package, on one connection that several threads use; without SQLAlchemy, for quick starts.

Nothing but SQLite opens such a file once it is there: closing any other descriptor of it would end all locks that this
process has on it (fcntl(2), sqlite.org/howtocorrupt.html section 2.2).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from schoolgate.errors import SchoolgateError


def make_private(path: Path) -> None:
    """Makes the file, empty and with mode 0600, where there is none: SQLite would let others read it. Raises
    `OSError`."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


class SqliteFile:
    """Blocking. `unavailable`: the error that says the file cannot be read or written. The connection is in autocommit
    mode (`isolation_level=None`, `check_same_thread=False`)."""

    unavailable: ClassVar[type[SchoolgateError]]

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._lock = threading.RLock()

    def close(self) -> None:
        """Ends the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, with the write lock from its beginning. Raises `unavailable`."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise self.unavailable(f"{self.path}: {error}; check space and rights, then try again") from error
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query finds. Raises `unavailable`."""
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self.unavailable(f"{self.path}: {error}; try again, or move the file away") from error
