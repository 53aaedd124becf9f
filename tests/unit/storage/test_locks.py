"""Nothing but SQLite opens a database: closing any descriptor of a file ends every lock that its process has on it
(fcntl(2)). Another process then believes that it is alone, and removes the write-ahead log under those who use it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.backup.backed_up import School
from tests.unit.storage.opened import NOON_US, fill, opened

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.identity.attribution import FILE, Attribution
from schoolgate.storage import audit_operations, audit_reading
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.store import Store


def is_locked(path: Path) -> bool:
    """Whether this process holds a lock of the file (proc_locks(5))."""
    wanted = f":{path.stat().st_ino}"
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any(str(os.getpid()) in line and any(part.endswith(wanted) for part in line) for line in lines)


def from_outside(path: Path, statement: str) -> None:
    """Another process that opens the database, changes it and leaves."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(Exception):
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute(statement)
                connection.commit()
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def test_a_store_that_is_opened_twice_keeps_its_locks_and_every_change(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 3)
        assert is_locked(path)
        async with await Store.open(path, now_us=NOON_US):
            pass
        assert is_locked(path)
        from_outside(path, "CREATE TABLE another (one TEXT)")
        await fill(store, 3)
    async with await Store.open(path, now_us=NOON_US) as store:
        assert len(await audit_reading.newest(store, 100)) == 6


async def test_a_checkpoint_beside_an_open_store_keeps_its_locks(tmp_path: Path) -> None:
    place = Place.in_folder(tmp_path)
    async with await opened(place.store) as store:
        await fill(store, 3)
        await audit_operations.checkpoint(place, "job:checkpoint", NOON_US)
        assert is_locked(place.store)


def test_a_backup_beside_open_databases_keeps_their_locks(tmp_path: Path) -> None:
    school = School(tmp_path).fill()
    databases = sorted(school.state.rglob("*.db"))
    assert len(databases) > 2
    with contextlib.ExitStack() as stack:
        for path in databases:
            connection = stack.enter_context(contextlib.closing(sqlite3.connect(path)))
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        school.create()
        assert [path.name for path in databases if not is_locked(path)] == []


def _alerts(folder: Path) -> contextlib.AbstractContextManager[object]:
    return contextlib.closing(AlertStore.open(folder / "alerts.db"))


def _devices(folder: Path) -> contextlib.AbstractContextManager[object]:
    return Attribution.open(folder)


@pytest.mark.parametrize(("opening", "name"), [(_alerts, "alerts.db"), (_devices, FILE)])
def test_a_database_that_is_opened_twice_keeps_its_locks(
    tmp_path: Path, opening: Callable[[Path], contextlib.AbstractContextManager[object]], name: str
) -> None:
    with opening(tmp_path):
        assert is_locked(tmp_path / name)
        with opening(tmp_path):
            pass
        assert is_locked(tmp_path / name)
