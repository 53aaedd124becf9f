"""control.db, opened: reads, and changes that carry their audit entry.

A change begins by locking the row of the audit log's head, so writers of one site stand in one line, whether they are
threads, processes or machines. A change that appended no entry is not committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schoolgate.audit.merkle import EMPTY_ROOT, CompactRange
from schoolgate.storage.engine import PATIENCE_S, READING, WRITING, connected, make_engine, outside_transaction
from schoolgate.storage.errors import ChangeNotRecorded, StoreDamaged, StoreMissing, translated
from schoolgate.storage.file_check import refuse_what_is_not_ours
from schoolgate.storage.ids import uuid7
from schoolgate.storage.migrate import make_file, migrate, refuse_other_revision, wait_for_other_owner
from schoolgate.storage.schema import audit_head, installation

# Made once: SQLAlchemy then finds the compiled statement without building it again.
_WRITE_HEAD = (
    update(audit_head)
    .where(audit_head.c.site_id == bindparam("site"))
    .values({name: bindparam(name) for name in ("epoch", "size", "root", "frontier", "at_us", "public_key")})
)
_READ_HEAD = select(audit_head).where(audit_head.c.site_id == bindparam("site"))
_LOCK_HEAD = _READ_HEAD.with_for_update()


@dataclass
class Head:
    """The audit log of a site as it is: `at_us` is the time of its last entry."""

    epoch: int
    tree: CompactRange
    at_us: int
    public_key: bytes | None

    @property
    def size(self) -> int:
        """Entries of this epoch."""
        return self.tree.size


@dataclass
class Change:
    """A transaction that writes. `head` is locked; the audit log keeps it current."""

    connection: AsyncConnection
    site_id: UUID
    head: Head
    # Numbers of the entries that this change appended.
    appended: list[int] = field(default_factory=list)
    # Whether it stored a checkpoint, which is no entry and changes nothing.
    is_signed: bool = False


class Store:
    """An open store. Close it: SQLite's connections have threads."""

    def __init__(self, where: str, engine: AsyncEngine, site_id: UUID) -> None:
        # The file, or the server's address without its password.
        self.where = where
        self._engine = engine
        self.site_id = site_id

    @classmethod
    async def open(
        cls, where: Path | str, *, now_us: int, is_owner: bool = False, patience_s: float = PATIENCE_S
    ) -> Store:
        """Opens a file or `postgresql+asyncpg://...`. The owner makes and migrates it; others never do.

        Raises a `StoreProblem` that names what is wrong: missing, empty, foreign, damaged, older, later, busy, full.
        """
        if isinstance(where, Path):
            if is_owner:
                await make_file(where)
            refuse_what_is_not_ours(where)
        engine = make_engine(where, patience_s)
        name = engine.url.render_as_string() if isinstance(where, str) else str(where)
        try:
            if is_owner:
                await migrate(where, engine, name)
            else:
                await refuse_other_revision(engine, name)
            site_id = await _site_of(engine, name, now_us, is_owner)
        except BaseException:
            await engine.dispose()
            raise
        return cls(name, engine, site_id)

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def forget_old_pages(self) -> None:
        """Moves SQLite's write-ahead log into the file and empties it, so that erased values are in neither."""
        if self._engine.dialect.name != "sqlite":
            return  # PostgreSQL's own VACUUM and its archive of WAL segments decide
        with translated(self.where):
            async with connected(self._engine, self.where, READING) as connection:
                await outside_transaction(connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """One view of the store for all statements, which waits for no writer."""
        with translated(self.where):
            level = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
            async with connected(self._engine, self.where, READING | level) as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        """A transaction that writes. Leaving it commits; an exception rolls everything back.

        Raises `StoreBusy`, `StoreFull`, `ChangeNotRecorded`; nothing was changed then.
        """
        with translated(self.where):
            async with connected(self._engine, self.where, WRITING) as connection, connection.begin():
                change = Change(connection, self.site_id, await locked_head(connection, self.site_id, self.where))
                yield change
                if not (change.appended or change.is_signed):
                    raise ChangeNotRecorded("a change without an audit entry was rolled back")
                await _write_head(connection, change)

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for counters and times of last use: what no entry of the audit log needs. It waits its turn
        like a change, so that two of them count one after the other. It can append nothing.

        Raises `StoreBusy`, `StoreFull`; nothing was changed then.
        """
        with translated(self.where):
            async with connected(self._engine, self.where, WRITING) as connection, connection.begin():
                await locked_head(connection, self.site_id, self.where)
                yield connection


async def locked_head(connection: AsyncConnection, site_id: UUID, where: str) -> Head:
    """The head, locked until the transaction ends where the transaction writes (SQLite: BEGIN IMMEDIATE)."""
    return await _head(connection, site_id, where, is_locked=True)


async def head_of(connection: AsyncConnection, site_id: UUID, where: str = "control.db") -> Head:
    """The head as this transaction sees it. Raises `StoreDamaged`."""
    return await _head(connection, site_id, where, is_locked=False)


async def _head(connection: AsyncConnection, site_id: UUID, where: str, *, is_locked: bool) -> Head:
    statement = _LOCK_HEAD if is_locked else _READ_HEAD
    row = (await connection.execute(statement, {"site": site_id})).one_or_none()
    if row is None:
        raise StoreDamaged(f"{where}: the audit log has no head for site {site_id}; restore it from the backup")
    try:
        return Head(row.epoch, CompactRange.parse(row.size, row.frontier), row.at_us, row.public_key)
    except ValueError as error:
        raise StoreDamaged(f"{where}: the head of the audit log is damaged ({error}); restore the backup") from error


async def _write_head(connection: AsyncConnection, change: Change) -> None:
    head = change.head
    values = {"epoch": head.epoch, "size": head.size, "at_us": head.at_us, "public_key": head.public_key}
    octets = {"root": head.tree.root(), "frontier": head.tree.compose()}
    await connection.execute(_WRITE_HEAD, {"site": change.site_id, **values, **octets})


async def _site_of(engine: AsyncEngine, where: str, now_us: int, is_owner: bool) -> UUID:
    with translated(where):
        async with connected(engine, where, READING) as connection, connection.begin():
            found = await _installed(connection, where)
        if found is not None:
            return found
        if not is_owner:
            raise StoreMissing(f"{where}: the database holds no installation yet; the control process begins it")
        # Locked only where there may be nothing yet: otherwise opening waits for no writer.
        async with connected(engine, where, WRITING) as connection, connection.begin():
            await wait_for_other_owner(connection)
            return await _installed(connection, where) or await _begin_installation(connection, now_us)


async def _installed(connection: AsyncConnection, where: str) -> UUID | None:
    found = (await connection.execute(select(installation.c.site_id))).scalars().all()
    if len(found) > 1:
        raise StoreDamaged(f"{where}: it names {len(found)} installations; restore it from the backup")
    return UUID(str(found[0])) if found else None


async def _begin_installation(connection: AsyncConnection, now_us: int) -> UUID:
    site_id = uuid7(now_us)
    await connection.execute(installation.insert().values(id=uuid7(now_us), site_id=site_id, created_us=now_us))
    empty = {"epoch": 1, "size": 0, "root": EMPTY_ROOT, "frontier": b"", "at_us": now_us}
    await connection.execute(audit_head.insert().values(id=uuid7(now_us), site_id=site_id, **empty))
    return site_id
