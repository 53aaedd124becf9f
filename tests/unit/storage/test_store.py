"""control.db is opened, changed with an entry, and refused by name where it is not ours."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.unit.storage.opened import NOON_US, event, fill, opened, sql
from tests.unit.storage.postgresql import Cluster

from schoolgate.storage import audit_reading
from schoolgate.storage.audit_log import append
from schoolgate.storage.errors import (
    ChangeNotRecorded,
    StoreBusy,
    StoreDamaged,
    StoreEmpty,
    StoreForeign,
    StoreLater,
    StoreMissing,
    StoreOlder,
    StoreProblem,
    StoreUnreachable,
)
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import audit_head, installation
from schoolgate.storage.store import Head, Store, head_of

Where = Path | str


async def test_a_store_is_made_once_and_keeps_its_site(where: Where) -> None:
    async with await opened(where) as first:
        site = first.site_id
    async with await opened(where) as again:
        assert again.site_id == site
    async with await Store.open(where, now_us=NOON_US) as read:
        assert read.site_id == site


async def test_a_change_is_committed_with_its_entry(where: Where) -> None:
    async with await opened(where) as store:
        async with store.change() as change:
            await change.connection.execute(installation.update().values(created_us=5))
            await append(change, event())
        async with store.reading() as connection:
            assert (await connection.execute(installation.select())).one().created_us == 5
        assert await audit_reading.count(store) == 1


async def test_a_change_without_an_entry_is_rolled_back(where: Where) -> None:
    async with await opened(where) as store:
        with pytest.raises(ChangeNotRecorded):
            async with store.change() as change:
                await change.connection.execute(installation.update().values(created_us=5))
        async with store.reading() as connection:
            assert (await connection.execute(installation.select())).one().created_us == NOON_US


async def test_a_change_that_fails_leaves_neither_change_nor_entry(where: Where) -> None:
    async with await opened(where) as store:
        with pytest.raises(ZeroDivisionError):
            async with store.change() as change:
                await append(change, event())
                raise ZeroDivisionError
        await fill(store, 1)
        assert (await audit_reading.newest(store, 9))[0].number == 0


async def test_a_writer_that_waits_too_long_is_told_so_and_changes_nothing(where: Where) -> None:
    async with await opened(where) as holder, await opened(where, patience_s=0.05) as waiting:
        async with holder.change() as held:
            await append(held, event())
            with pytest.raises(StoreBusy, match="nothing was changed"):
                async with waiting.change():
                    pytest.fail("the lock is held")
        await fill(waiting, 1)
        assert await audit_reading.count(waiting) == 2


async def test_a_reader_does_not_wait_for_a_writer(where: Where) -> None:
    async with await opened(where) as holder:
        async with holder.change() as held:
            await append(held, event())
            async with await opened(where, patience_s=0.05) as reader:
                assert await audit_reading.count(reader) == 0
        async with await opened(where) as reader:
            assert await audit_reading.count(reader) == 1


async def test_a_reader_makes_nothing(tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(StoreMissing):
        await Store.open(tmp_path / "control.db", now_us=NOON_US)
    assert list(tmp_path.iterdir()) == []
    url = cluster.url()
    with pytest.raises(StoreMissing):
        await Store.open(url, now_us=NOON_US)
    assert cluster.psql(url, "select count(*) from pg_tables where schemaname = 'public'") == "0"


async def test_an_unreachable_server_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+asyncpg://schoolgate:secret@/x?host={tmp_path}"
    with pytest.raises(StoreUnreachable) as refused:
        await opened(url)
    assert "secret" not in str(refused.value)


async def test_a_foreign_postgresql_database_is_refused(cluster: Cluster) -> None:
    url = cluster.url()
    cluster.psql(url, "create table pupils (name text)")
    with pytest.raises(StoreForeign, match="another program"):
        await opened(url)


# Files


def _other_program(path: Path) -> None:
    sql(path, "CREATE TABLE pupils (name TEXT)")


def _directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "error", "reason"),
    [
        (lambda path: path.write_bytes(b""), StoreEmpty, "empty"),
        (lambda path: path.write_bytes(b"hello" * 100), StoreForeign, "no SQLite database"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00"), StoreDamaged, "cut short"),
        (_other_program, StoreForeign, "another program"),
        (_directory, StoreForeign, "no file"),
    ],
)
async def test_a_file_that_is_not_ours_is_refused_and_stays(
    tmp_path: Path, make: object, error: type[StoreProblem], reason: str
) -> None:
    path = tmp_path / "control.db"
    assert callable(make)
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(error, match=reason):
        await opened(path)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [one.name for one in tmp_path.iterdir()] == ["control.db"]


async def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 300)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreDamaged, match="cut short"):
        await opened(path)


async def test_pages_overwritten_are_damage_not_a_defect(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 300)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    with pytest.raises(StoreDamaged, match="restore it from the backup"):
        async with await opened(path) as store:
            await fill(store, 1)


async def test_a_head_that_does_not_fit_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 3)
        sql(path, "UPDATE audit_head SET size = 4")
        with pytest.raises(StoreDamaged, match="head of the audit log"):
            await fill(store, 1)


async def test_a_store_of_a_later_version_is_refused(where: Where, request: pytest.FixtureRequest) -> None:
    async with await opened(where):
        pass
    _alter(where, request, "UPDATE alembic_version SET version_num = '9999'")
    for is_owner in (True, False):
        with pytest.raises(StoreLater, match="install that version"):
            await Store.open(where, now_us=NOON_US, is_owner=is_owner)
    _alter(where, request, "UPDATE alembic_version SET version_num = 'abc'")
    with pytest.raises(StoreForeign):
        await opened(where)


async def test_a_reader_does_not_migrate(where: Where, request: pytest.FixtureRequest) -> None:
    async with await opened(where):
        pass
    _alter(where, request, "DELETE FROM alembic_version")
    with pytest.raises((StoreOlder, StoreMissing)):
        await Store.open(where, now_us=NOON_US)


def _alter(where: Where, request: pytest.FixtureRequest, statement: str) -> None:
    if isinstance(where, Path):
        sql(where, statement)
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        cluster.psql(where, statement)


async def test_committed_pages_are_safe_and_erased_ones_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store, store.reading() as connection:
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("synchronous", "secure_delete", "journal_mode", "foreign_keys")
        }
    assert found == {"synchronous": 2, "secure_delete": 1, "journal_mode": "wal", "foreign_keys": 1}
    with closing(sqlite3.connect(path)) as connection_:
        assert connection_.execute("PRAGMA application_id").fetchone() == (0x53476374,)


def test_identifiers_sort_by_time_and_are_version_7() -> None:
    made = [uuid7(NOON_US + at) for at in range(0, 5000, 7)]
    assert made == sorted(made)
    assert {one.version for one in made} == {7}
    assert made[0].int >> 80 == NOON_US // 1000


def test_nothing_but_storage_loads_sqlalchemy() -> None:
    commands = "cli.audit", "cli.commands.audit", "cli.commands.accounts", "cli"
    loads = "storage", "audit.export_file", "accounts.roles", *commands
    modules = ", ".join(f"schoolgate.{one}" for one in loads)
    code = f"import sys, {modules}; sys.exit(bool({{'sqlalchemy', 'alembic'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_pages_that_wait_in_the_write_ahead_log_are_no_damage(tmp_path: Path) -> None:
    """A full disk or a kill while the log is moved into the file leaves a file shorter than it says."""
    path, copy = tmp_path / "control.db", tmp_path / "copy" / "control.db"
    copy.parent.mkdir()
    async with await opened(path) as store:
        await fill(store, 300)
        await store.forget_old_pages()
        size = path.stat().st_size
        await fill(store, 300)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    with closing(sqlite3.connect(path)) as whole:
        pages = whole.execute("PRAGMA page_count").fetchone()[0]
    with copy.open("r+b") as file:
        file.seek(28)
        file.write(pages.to_bytes(4))
    assert copy.stat().st_size == size < pages * 4096
    async with await opened(copy) as store:
        assert await audit_reading.count(store) == 600


async def test_counters_need_no_entry_and_count_one_after_the_other(where: Path | str) -> None:
    async def count(store: Store) -> None:
        async with store.counting() as connection:
            size = (await connection.execute(select(audit_head.c.at_us))).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(update(audit_head).values(at_us=size + 1))

    async with await opened(where) as store:
        before = (await _head(store)).at_us
        await asyncio.gather(*(count(store) for _ in range(4)))
        assert (await _head(store)).at_us == before + 4


async def _head(store: Store) -> Head:
    async with store.reading() as connection:
        return await head_of(connection, store.site_id)
