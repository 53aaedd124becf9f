"""Schools that tests may break."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.failures.console_process import ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.school import School
from tests.failures.upstream import Upstream

MakeSchool = Callable[..., School]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with lists, as a first start leaves it. Copied, never used."""
    first = School(tmp_path_factory.mktemp("built"), '"127.0.0.1:1"')
    first.start()
    first.stop()
    return first.state


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """A forwarder that says what a test puts into its mouth."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, built: Path, upstream: Upstream) -> Iterator[School]:
    """A server that the tests of a file share. Whatever they do to it, it must end well."""
    school = School(tmp_path_factory.mktemp("running"), upstream.quoted)
    shutil.copytree(built, school.state, symlinks=True)
    school.start()
    yield school
    school.stop()


@pytest.fixture
def school(tmp_path: Path, built: Path, upstream: Upstream) -> Iterator[MakeSchool]:
    """Makes a school with lists and the demonstration policy; `is_new=True` has neither, `is_started=False` waits."""
    made: list[School] = []

    def make(
        *, forwarders: str | None = None, is_new: bool = False, is_started: bool = True, **settings: Any
    ) -> School:
        folder = tmp_path / f"school-{len(made)}"
        folder.mkdir()
        one = School(folder, upstream.quoted if forwarders is None else forwarders, **settings)
        if not is_new:
            shutil.copytree(built, one.state, symlinks=True)
        if "policy" in settings:
            one.forget_policy()
        made.append(one)
        if is_started:
            one.start()
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A control process that the tests of a file share; `console` starts it."""
    one = Control(tmp_path_factory.mktemp("school"))
    one.state.mkdir()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end()


@pytest.fixture(scope="module")
def console(control: Control) -> Iterator[ConsoleProcess]:
    """The console beside it."""
    one = ConsoleProcess(control)
    control.start()
    one.start()
    yield one
    assert one.end() == 0, one.said()
    assert "Traceback" not in one.said(), one.said()
