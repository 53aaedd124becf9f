"""Stores on SQLite and on PostgreSQL: each test that takes `where` runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.storage.postgresql import Cluster, programs, why_not


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the whole session."""
    folder = programs()
    if (reason := why_not()) or folder is None:
        pytest.skip(reason)
    made = Cluster(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A place where there is no store yet."""
    if request.param == "sqlite":
        return tmp_path / "control.db"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.url()
