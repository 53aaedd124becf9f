"""Migrations: forward only, one transaction each, a copy before, and nothing lost by a kill in between."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from tests.unit.storage.opened import fill, opened, sql

from schoolgate.storage.engine import make_engine
from schoolgate.storage.errors import StoreDamaged
from schoolgate.storage.file_check import APPLICATION_ID
from schoolgate.storage.migrate import SCRIPTS, make_file, migrate, revision_of, upgrade
from schoolgate.storage.schema import REVISION, metadata

NEXT = '''"""Next."""

import os
import signal

import sqlalchemy as sa
from alembic import op

revision = "{after}"
down_revision = "{newest}"


def upgrade() -> None:
    op.create_table("second", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO second (id) VALUES (1)")
    op.execute("DELETE FROM audit_checkpoint")
    {then}
'''
AFTER = f"{int(REVISION) + 1:04}"
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the migrations, which a test may add to."""
    folder = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, folder)
    return folder


def _add(scripts: Path, then: str = "pass") -> None:
    text = NEXT.format(then=then, after=AFTER, newest=REVISION)
    (scripts / "versions" / f"m{AFTER}_next.py").write_text(text, encoding="utf-8")


async def _migrate(where: Path | str, scripts: Path) -> list[str]:
    engine = make_engine(where)
    try:
        return await migrate(where, engine, str(where), scripts)
    finally:
        await engine.dispose()


async def _revision(where: Path | str) -> str | None:
    engine = make_engine(where)
    try:
        return await revision_of(engine, str(where))
    finally:
        await engine.dispose()


def test_the_newest_revision_is_the_one_the_schema_names() -> None:
    assert ScriptDirectory(str(SCRIPTS), version_locations=[str(SCRIPTS / "versions")]).get_heads() == [REVISION]


async def test_migrations_make_the_tables_that_the_schema_names(where: Path | str) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with await opened(where) as store, store.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_migration_goes_forward_once(where: Path | str, scripts: Path) -> None:
    async with await opened(where) as store:
        await fill(store, 3)
    _add(scripts)
    assert await _migrate(where, scripts) == [AFTER]
    assert await _migrate(where, scripts) == []


async def test_a_store_of_the_first_revision_keeps_its_entries_and_gets_the_tables_of_accounts(
    where: Path | str, scripts: Path
) -> None:
    for later in (scripts / "versions").glob("m000[2-9]*.py"):
        later.unlink()
    if isinstance(where, Path):
        where.touch()
        sql(where, f"PRAGMA application_id={APPLICATION_ID}", "PRAGMA journal_mode=WAL")
    engine = make_engine(where)
    assert await upgrade(engine, str(where), scripts) == ["0001"]
    await engine.dispose()
    async with await opened(where) as store, store.reading() as connection:
        assert await connection.run_sync(lambda one: inspect(one).has_table("role_grant"))
    assert await _revision(where) == REVISION


async def test_a_file_is_copied_before_a_migration(tmp_path: Path, scripts: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 3)
    _add(scripts)
    await _migrate(path, scripts)
    copy = tmp_path / f"control.db.at-{REVISION}"
    assert copy.stat().st_mode & 0o077 == 0
    path.unlink()
    copy.rename(path)
    async with await opened(path) as restored:
        await fill(restored, 1)


def _killed(where: Path | str, scripts: Path) -> int:
    code = (
        "import asyncio, pathlib, sys\n"
        "from tests.unit.storage.test_migrate import _migrate\n"
        "where = sys.argv[1] if sys.argv[1].startswith('postgresql') else pathlib.Path(sys.argv[1])\n"
        "asyncio.run(_migrate(where, pathlib.Path(sys.argv[2])))\n"
    )
    return subprocess.run([sys.executable, "-c", code, str(where), str(scripts)], check=False).returncode


async def test_a_migration_that_is_killed_leaves_the_old_store_whole(where: Path | str, scripts: Path) -> None:
    async with await opened(where) as store:
        await fill(store, 3)
    _add(scripts, KILL)
    assert await asyncio.to_thread(_killed, where, scripts) == -signal.SIGKILL
    assert await _revision(where) == REVISION
    async with await opened(where) as store:
        await fill(store, 1)
    _add(scripts)
    assert await _migrate(where, scripts) == [AFTER]


async def test_a_migration_that_fails_leaves_the_old_store_whole(where: Path | str, scripts: Path) -> None:
    async with await opened(where):
        pass
    _add(scripts, "raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        await _migrate(where, scripts)
    assert await _revision(where) == REVISION
    _add(scripts)
    assert await _migrate(where, scripts) == [AFTER]


async def test_two_processes_that_migrate_at_once_do_it_once(where: Path | str, scripts: Path) -> None:
    async with await opened(where):
        pass
    _add(scripts)
    done = await asyncio.gather(*(_migrate(where, scripts) for _ in range(2)))
    assert sorted(done) == [[], [AFTER]]


async def test_two_processes_that_make_a_store_at_once_make_one(where: Path | str) -> None:
    stores = await asyncio.gather(*(opened(where) for _ in range(2)))
    assert stores[0].site_id == stores[1].site_id
    for store in stores:
        await store.close()


async def test_a_file_half_made_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    (tmp_path / ".control.db.1.new").write_bytes(b"left by a process that was killed")
    await make_file(path)
    assert await _revision(path) == REVISION
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_damaged_store_is_not_migrated(tmp_path: Path, scripts: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 300)
    sql(path, "PRAGMA writable_schema=ON", "UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'audit_checkpoint'")
    _add(scripts)
    with pytest.raises(StoreDamaged, match="is damaged"):
        await _migrate(path, scripts)
    assert not list(tmp_path.glob("control.db.at-*"))
