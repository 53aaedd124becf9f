"""Connections to control.db: transactions that begin as we say, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from schoolgate.storage.errors import StoreUnreachable

# How long a writer waits for another one. An operation that holds the lock for longer is stuck.
PATIENCE_S = 10.0
# How long a database server may take to accept a connection.
CONNECT_S = 10.0
# The execution option that names a connection's BEGIN on SQLite.
BEGIN = "schoolgate_begin"
WRITING = {BEGIN: "BEGIN IMMEDIATE"}
READING = {BEGIN: "BEGIN"}


def is_postgresql(where: Path | str) -> bool:
    """Whether this names a PostgreSQL database rather than a file."""
    return isinstance(where, str) and where.startswith("postgresql")


def make_engine(where: Path | str, patience_s: float = PATIENCE_S, *, keeps_connections: bool = True) -> AsyncEngine:
    """An engine for a file, or for `postgresql+asyncpg://...`. `patience_s`: how long it waits for a lock."""
    pool: dict[str, Any] = {} if keeps_connections else {"poolclass": NullPool}
    if isinstance(where, str):
        settings = {"lock_timeout": f"{int(patience_s * 1000)}", "application_name": "schoolgate"}
        return create_async_engine(where, connect_args={"server_settings": settings, "timeout": CONNECT_S}, **pool)
    # mode=rw: SQLite itself never makes the file.
    url = f"sqlite+aiosqlite:///file:{_quoted(where)}?mode=rw&uri=true"
    engine = create_async_engine(url, connect_args={"timeout": patience_s}, **pool)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    # Twice: once for SQLAlchemy's URL, once for SQLite's.
    return quote(quote(str(path.absolute())))


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself, so that DDL too is in our transaction
    cursor = connection.cursor()
    # FULL: what was committed outlives a power cut. secure_delete: erased values are overwritten.
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE"))


@asynccontextmanager
async def connected(engine: AsyncEngine, where: str, options: dict[str, str]) -> AsyncIterator[AsyncConnection]:
    """A connection with these execution options. Raises `StoreUnreachable`; an `OSError` of the caller stays one."""
    try:
        connection = await engine.connect()
    except OSError as error:
        raise StoreUnreachable(f"{where}: the database server cannot be reached ({error.strerror or error})") from error
    try:
        await connection.execution_options(**options)
        yield connection
    finally:
        await connection.close()


async def outside_transaction(connection: AsyncConnection, statement: str) -> None:
    """Runs a statement that cannot be in a transaction, on SQLite."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    cursor = await driver.execute(statement)
    await cursor.close()
