"""Brings a store to the newest revision: forward only, each revision in one transaction, after a copy of the file.

A process that is killed in between leaves the store as it was, because SQLite and PostgreSQL roll back tables, too.
A new file is made beside its place and linked there when it is whole, so an empty control.db is never ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schoolgate.storage.engine import READING, WRITING, connected, make_engine, outside_transaction
from schoolgate.storage.errors import (
    StoreDamaged,
    StoreForeign,
    StoreFull,
    StoreLater,
    StoreMissing,
    StoreOlder,
    StoreProblem,
    translated,
)
from schoolgate.storage.file_check import APPLICATION_ID
from schoolgate.storage.schema import REVISION, metadata

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

# Its lines about plugins and dialects are for those who write migrations.
logging.getLogger("alembic").setLevel(logging.WARNING)

SCRIPTS = Path(__file__).with_name("migrations")
# Two processes that migrate one PostgreSQL database: the second waits for this advisory lock.
ADVISORY_LOCK = 0x5347_6374

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def make_file(path: Path) -> None:
    """Makes control.db where there is none. Another process may make it at the same time: the first one's stays."""
    if _is_there(path):
        return
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    with translated(str(path)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640))
            engine = make_engine(aside, keeps_connections=False)
            try:
                async with engine.connect() as connection:
                    await outside_transaction(connection, f"PRAGMA application_id={APPLICATION_ID}")
                    await outside_transaction(connection, "PRAGMA journal_mode=WAL")
                await upgrade(engine, str(path))
            finally:
                await engine.dispose()
            _settle(aside)
            _link(aside, path)
        except OSError as error:
            kind = StoreFull if error.errno == errno.ENOSPC else StoreProblem
            raise kind(f"{path}: {error.strerror}; no database was made: check rights and space") from error
        finally:
            _remove(aside)


async def upgrade(engine: AsyncEngine, where: str, scripts: Path = SCRIPTS) -> list[str]:
    """Applies what is missing; returns the revisions applied. Raises `StoreLater`, `StoreForeign`, `StoreDamaged`."""
    applied: list[str] = []
    with translated(where):
        while True:
            async with _alone(), connected(engine, where, WRITING) as connection, connection.begin():
                await wait_for_other_owner(connection)
                done = await connection.run_sync(_apply_next, where, scripts)
            if done is None:
                return applied
            applied.append(done)


async def revision_of(engine: AsyncEngine, where: str) -> str | None:
    """The revision of a store; None where it has no tables yet. Raises `StoreForeign`."""
    with translated(where):
        async with connected(engine, where, READING) as connection:
            return await connection.run_sync(_current, where)


async def migrate(where: Path | str, engine: AsyncEngine, name: str, scripts: Path = SCRIPTS) -> list[str]:
    """Brings a store to the newest revision, after a copy where it is a file. Returns the revisions applied."""
    current = await revision_of(engine, name)
    if scripts == SCRIPTS and current == REVISION:  # alembic costs 0.1 s
        return []
    if current is not None:
        _refuse_later(_scripts(scripts), current, name)
        if isinstance(where, Path):
            copy_before(where, current)
    return await upgrade(engine, name, scripts)


async def refuse_other_revision(engine: AsyncEngine, name: str) -> None:
    """Raises `StoreMissing`, `StoreOlder`, `StoreLater`, `StoreForeign` for what only the owner may migrate."""
    current = await revision_of(engine, name)
    if current == REVISION:
        return
    if current is None:
        raise StoreMissing(f"{name}: there are no tables yet; the control process makes them at its start")
    _refuse_later(_scripts(SCRIPTS), current, name)
    raise StoreOlder(
        f"{name}: revision {current} is older than {REVISION}; start the control process, which migrates it"
    )


async def wait_for_other_owner(connection: AsyncConnection) -> None:
    """Lets one process at a time make or migrate tables, until its transaction ends. SQLite: BEGIN IMMEDIATE does."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))


def copy_before(path: Path, revision: str) -> Path:
    """A whole copy of the store, beside it: `control.db.at-0001`. It stays until it is removed by hand.

    Raises `StoreDamaged` where the store is not sound, `StoreFull`.
    """
    copy = path.with_name(f"{path.name}.at-{revision}")
    aside = path.with_name(f".{copy.name}.{os.getpid()}.new")
    _remove(aside)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path.absolute()}?mode=rw", uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise StoreDamaged(f"{path}: the database is damaged; it was not migrated: restore it from the backup")
            connection.execute("VACUUM INTO ?", (str(aside),))
        aside.chmod(0o600)
        _sync(aside)
        aside.replace(copy)
        _sync(path.parent)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            raise StoreFull(
                f"{path}: the disk has no room for the copy before a migration; nothing was changed"
            ) from error
        if isinstance(error, sqlite3.OperationalError):
            raise StoreProblem(
                f"{path}: no copy could be made before the migration ({error}); nothing was changed"
            ) from error
        raise StoreDamaged(f"{path}: the database is damaged ({error}); restore it from the backup") from error
    finally:
        _remove(aside)
    return copy


def _apply_next(connection: Connection, where: str, folder: Path) -> str | None:
    """Applies one revision inside the caller's transaction. Returns it, or None where nothing is missing."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    scripts = _scripts(folder)
    current = _current(connection, where)
    _refuse_later(scripts, current, where)
    missing = [one.revision for one in scripts.walk_revisions(current or "base", "heads") if one.revision != current]
    if not missing:
        return None
    target = missing[-1]  # the walk is newest first
    with EnvironmentContext(Config(), scripts) as environment:
        environment.configure(
            connection=connection,
            target_metadata=metadata,
            fn=lambda revision, _context: scripts._upgrade_revs(target, revision),
        )
        environment.run_migrations()
    return target


def _alone() -> asyncio.Lock:
    """One migration at a time in this process: alembic's `op` is one for the whole process."""
    return _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _scripts(folder: Path) -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def _refuse_later(scripts: ScriptDirectory, current: str | None, where: str) -> None:
    known = {one.revision for one in scripts.walk_revisions()}
    if current is None or current in known:
        return
    newest = max(known)
    if current.isdecimal() and current > newest:
        raise StoreLater(
            f"{where}: a later schoolgate made this database (revision {current}, this one knows {newest});"
            " install that version, or restore the copy made before its migration"
        )
    raise StoreForeign(f"{where}: revision {current[:40]!r} is not one of schoolgate's; move the database away")


def _current(connection: Connection, where: str) -> str | None:
    from sqlalchemy import inspect

    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables:
            raise StoreForeign(f"{where}: its tables belong to another program; name another database")
        return None
    rows = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if len(rows) > 1:
        raise StoreDamaged(f"{where}: it has {len(rows)} revisions; restore it from the backup")
    return str(rows[0]) if rows else None


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _link(aside: Path, path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(aside)
    _sync(path.parent)


def _settle(path: Path) -> None:
    """Moves the write-ahead log into the file, so that the file alone is the store."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
