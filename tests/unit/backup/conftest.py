"""A school that is made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unit.backup.backed_up import School


@pytest.fixture(scope="session")
def made_school(tmp_path_factory: pytest.TempPathFactory) -> School:
    """Tests copy it, and leave it as it is."""
    return School(tmp_path_factory.mktemp("made")).fill()


@pytest.fixture
def school(made_school: School, tmp_path: Path) -> School:
    """One of a test's own."""
    one = School(tmp_path / "school")
    shutil.copytree(made_school.state, one.state)
    shutil.copyfile(made_school.identity, one.identity)
    return one
