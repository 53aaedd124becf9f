"""A school with accounts, on SQLite and on PostgreSQL: each test that takes `school` runs on both."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.unit.accounts.school import School, begun, emptied
from tests.unit.storage.conftest import cluster
from tests.unit.storage.opened import opened
from tests.unit.storage.postgresql import Cluster

__all__ = ["cluster"]


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on SQLite without accounts, which tests copy."""
    path = tmp_path_factory.mktemp("empty") / "control.db"

    async def make() -> None:
        async with await opened(path) as store:
            await store.forget_old_pages()

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def database(cluster: Cluster) -> Iterator[str]:
    """A database on PostgreSQL, which tests empty."""
    yield cluster.url()


@pytest.fixture
def file_store(empty_file: Path, tmp_path: Path) -> Path:
    """A store on SQLite of the test's own."""
    return Path(shutil.copy(empty_file, tmp_path / "control.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
async def school(request: pytest.FixtureRequest, file_store: Path) -> AsyncIterator[School]:
    """A school on either database."""
    where: Path | str = file_store
    if request.param == "postgresql":
        where = request.getfixturevalue("database")
        await emptied(str(where))
    async with begun(where) as made:
        yield made


@pytest.fixture
async def small_school(file_store: Path) -> AsyncIterator[School]:
    """A school on SQLite, for what no database decides."""
    async with begun(file_store) as made:
        yield made
