"""The real thing: `python -m schoolgate serve` in a process of its own, asked over real sockets."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.browser.demonstration_school import DemonstrationSchool
from tests.failures.people import give_factors_again
from tests.integration.console_pages import Pages, pages_of
from tests.integration.console_school import Browser, ConsoleSchool, console_of
from tests.integration.serving import Serving
from tests.integration.upstream_thread import UpstreamThread

from schoolgate.accounts.roles import Role

Start = Callable[..., Serving]


@pytest.fixture(scope="session")
def upstream() -> Iterator[UpstreamThread]:
    """A forwarder that answers any name. Its switches are reset by whoever turns them."""
    with UpstreamThread() as thread:
        yield thread


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped lists, built as a first start builds them. Copied, never used."""
    serving = Serving(tmp_path_factory.mktemp("built"), 1)
    assert serving.cli("lists", "build").returncode == 0
    return serving.state / "lists"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread, built: Path) -> Iterator[Serving]:
    """A service with the demo policy, shared by the tests of a file: they must leave it as it was."""
    serving = Serving(tmp_path_factory.mktemp("shared"), upstream.port)
    shutil.copytree(built, serving.state / "lists", symlinks=True)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def start(tmp_path: Path, upstream: UpstreamThread, built: Path) -> Iterator[Start]:
    """Makes a service of a test's own: `start(settings="...", policy="...")`, ready when it returns.

    With settings of its own for lists, or not started, it has no lists yet.
    """
    made: list[Serving] = []

    def make(*, settings: str = "", policy: str | None = None, is_started: bool = True) -> Serving:
        folder = tmp_path / f"school-{len(made)}"
        folder.mkdir()
        serving = Serving(folder, upstream.port, settings=settings, policy=policy)
        made.append(serving)
        if is_started:
            if "[lists" not in settings:
                shutil.copytree(built, serving.state / "lists", symlinks=True)
            serving.start()
        return serving

    yield make
    for serving in made:
        serving.stop()


@pytest.fixture(scope="session")
def console_school(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[ConsoleSchool]:
    """A control process with a policy and people, for tests of the console's pages: they leave the policy as it was."""
    made = ConsoleSchool(tmp_path_factory.mktemp("console"))
    shutil.copytree(built, made.control.state / "lists", symlinks=True)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def people(console_school: ConsoleSchool) -> AsyncIterator[Mapping[Role, Browser]]:
    """A browser of each role, whose second factor was given just now."""
    give_factors_again(console_school.control)
    async with console_of(console_school) as browsers:
        yield browsers


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[DemonstrationSchool]:
    """The demonstration school with a control process, shared by the tests of a file."""
    made = DemonstrationSchool(tmp_path_factory.mktemp("school")).start(built)
    yield made
    made.stop()


@pytest.fixture
async def pages(demonstration: DemonstrationSchool) -> AsyncIterator[Pages]:
    """Its pages, in the name of each person."""
    async with pages_of(demonstration) as found:
        yield found
