"""Recognises the file of control.db before it is used (sqlite.org/fileformat.html).

SQLite would make a database of an empty file without a word, and read a foreign one until the first missing table.

Only SQLite opens the file: closing any other descriptor of it would end all locks that this process has on it
(fcntl(2), sqlite.org/howtocorrupt.html section 2.2).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from schoolgate.storage.errors import StoreDamaged, StoreEmpty, StoreForeign, StoreMissing, StoreProblem

# "SGct", at octet 68 of the file: PRAGMA application_id.
APPLICATION_ID = 0x53476374
HEADER_OCTETS = 100
_RESTORE = "restore it from the backup, or move it away to begin anew"
# Another process holds the file, or left it in the middle of a change: that says nothing about what it is.
_HELD = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_PROTOCOL")


def refuse_what_is_not_ours(path: Path) -> None:
    """Raises `StoreMissing`, `StoreEmpty`, `StoreForeign`, `StoreDamaged`, or `StoreProblem` where it is unreadable."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise StoreMissing(f"{path}: there is no database yet: nothing has been recorded here") from None
    except OSError as error:
        raise StoreProblem(f"{path}: {error.strerror}; check rights") from error
    if not stat.S_ISREG(status.st_mode):
        raise StoreForeign(f"{path}: this is no file; move it away")
    if not os.access(path, os.R_OK):
        raise StoreProblem(f"{path}: it may not be read; check rights")
    if not status.st_size:
        raise StoreEmpty(f"{path}: the file is empty; {_RESTORE}")
    if status.st_size < HEADER_OCTETS:
        raise StoreDamaged(f"{path}: the file was cut short; {_RESTORE}")
    if _application_id(path) not in (APPLICATION_ID, None):
        raise StoreForeign(f"{path}: this is a database of another program; {_RESTORE}")


def _application_id(path: Path) -> int | None:
    """None where another process holds the file."""
    # mode=ro: the end of the only connection would move the write-ahead log into the file, and fill a full disk.
    where = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(where, uri=True, timeout=0.0)) as connection:
            return int(connection.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(_HELD):
            return None
        if code == "SQLITE_NOTADB":
            raise StoreForeign(f"{path}: this is no SQLite database; {_RESTORE}") from error
        if code.startswith("SQLITE_CORRUPT"):
            raise StoreDamaged(f"{path}: the file was cut short or overwritten; {_RESTORE}") from error
        raise StoreProblem(f"{path}: it cannot be read ({code}); check rights, mount and disk") from error
