"""What can be wrong with control.db, by name, and how the database's own errors become these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schoolgate.errors import SchoolgateError


class StoreProblem(SchoolgateError):
    """The root of what is wrong with the store."""


class StoreMissing(StoreProblem):
    """There is no control.db."""


class StoreEmpty(StoreProblem):
    """The file has no content: not one that schoolgate made."""


class StoreForeign(StoreProblem):
    """The file or database belongs to another program."""


class StoreDamaged(StoreProblem):
    """Parts of the file are missing or overwritten."""


class StoreOlder(StoreProblem):
    """The store waits for a migration, which only its owner does."""


class StoreLater(StoreProblem):
    """A later version of schoolgate wrote the store."""


class StoreBusy(StoreProblem):
    """Another process holds the store for longer than was waited."""


class StoreFull(StoreProblem):
    """The disk is full."""


class StoreUnreachable(StoreProblem):
    """The database server does not answer, or refuses us."""


class ChangeNotRecorded(StoreProblem):
    """A change was about to be committed without an audit entry: a defect of the caller."""


_FULL = {"SQLITE_FULL", "53100"}
_BUSY = {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_TIMEOUT", "SQLITE_LOCKED", "55P03", "57014", "40P01"}
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_SEQUENCE", "XX001", "XX002"}
_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM", "SQLITE_AUTH")
# Classes of PostgreSQL's error codes: connection lost, wrong password, no such database, shutting down.
_UNREACHABLE = ("08", "28", "3D", "57P")


def code_of(error: BaseException | None) -> str:
    """SQLite's error name or PostgreSQL's SQLSTATE; empty where there is neither."""
    while error is not None:
        name = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
        if isinstance(name, str):
            return name
        error = getattr(error, "orig", None) or error.__cause__
    return ""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raises what the database reports as one of these errors. The transaction was rolled back whole by then."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, PoolTimeout) as error:
        made = _translate(where, error)
        if made is None:
            raise
        raise made from error


def _translate(where: str, error: Exception) -> StoreProblem | None:
    code = code_of(error)
    if code in _FULL:
        return StoreFull(f"{where}: the disk is full; nothing was changed: free some space and do it again")
    if code in _BUSY or isinstance(error, PoolTimeout):
        return StoreBusy(f"{where}: another process holds the database; nothing was changed: do it again later")
    if code in _DAMAGED:
        return StoreDamaged(f"{where}: the database is damaged; stop schoolgate and restore it from the backup")
    if code.startswith(_UNWRITABLE):
        return StoreProblem(f"{where}: it cannot be read or written ({code}); check rights, mount and disk")
    if code.startswith(_UNREACHABLE) or getattr(error, "connection_invalidated", False):
        return StoreUnreachable(
            f"{where}: the database server does not answer or refuses us ({code or 'connection lost'})"
        )
    return None
