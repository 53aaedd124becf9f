"""A console in this process, with a control process that returns what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web
from tests.failures.people import give_factors_again
from tests.unit.console.care_school import CareSchool, RoleBrowser, browsing
from tests.unit.console.fake_control import TOKEN, FakeControl

from schoolgate.config.console import Console
from schoolgate.console.application import application
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.session_cookie import SESSION


@pytest.fixture(scope="session")
def assets() -> BuiltAssets:
    """Those of the build."""
    return BuiltAssets.load()


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[FakeControl]:
    """Knows one session, of a network manager."""
    fake = FakeControl(tmp_path / "operations.sock", "network_manager")
    await fake.start()
    yield fake
    await fake.stop()


class RunningConsole:
    """A running console, and how a browser asks it."""

    def __init__(self, port: int, session: ClientSession) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self._session = session

    async def ask(
        self, method: str, path: str, *, signed_in: bool = True, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[ClientResponse, str]:
        """The response and its text. Redirects are not followed; unsafe methods come from a page of ours."""
        sent = {"Sec-Fetch-Site": "same-origin", **(headers or {})}
        if signed_in:
            sent["Cookie"] = f"{SESSION}={TOKEN}"
        async with self._session.request(
            method, self.address + path, headers=sent, allow_redirects=False, **more
        ) as response:
            return response, await response.text()

    async def get(self, path: str, **more: Any) -> tuple[ClientResponse, str]:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, **more: Any) -> tuple[ClientResponse, str]:
        return await self.ask("POST", path, **more)


@pytest.fixture
async def console(control: FakeControl, assets: BuiltAssets) -> AsyncIterator[RunningConsole]:
    """At a port that the machine chooses."""
    client = OperationsClient(control.path)
    app = application(Console(port=0, names=("filter.school.example",)), client, assets)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with ClientSession() as session:
        yield RunningConsole(runner.addresses[0][1], session)
    await runner.cleanup()
    await client.close()


@pytest.fixture(scope="session")
def care_school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CareSchool]:
    """A real control process with a demonstration school; one for all tests of screens."""
    school = CareSchool(tmp_path_factory.mktemp("care"))
    school.start()
    yield school
    school.control.end()


@pytest.fixture
async def browser(care_school: CareSchool, assets: BuiltAssets) -> AsyncIterator[RoleBrowser]:
    """A console that asks it, as each role, whose second factor was given just now."""
    give_factors_again(care_school.control)
    async with browsing(care_school, assets) as one:
        yield one
