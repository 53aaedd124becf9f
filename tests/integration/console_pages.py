"""Pages of the console in this process, asked in the name of each person of the demonstration school."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode

from aiohttp import ClientSession, web
from tests.browser.demonstration_school import DemonstrationSchool

from schoolgate.accounts.roles import Role
from schoolgate.config.console import Console
from schoolgate.console.application import application
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.session_cookie import SESSION


@dataclass(frozen=True)
class Answer:
    """`text`: the page as sent."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def words(self) -> str:
        """What a person reads, blanks joined."""
        return " ".join(_Text.of(self.text).split())

    @property
    def first_line(self) -> str:
        """The heading."""
        return " ".join(_Text.of(self.text.partition("<h1>")[2].partition("</h1>")[0]).split())


class Pages:
    """A running console."""

    def __init__(self, school: DemonstrationSchool, session: ClientSession, port: int) -> None:
        self.school = school
        self.session = session
        self.port = port

    async def get(self, role: Role, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, self.school.sessions[role], headers=headers)

    async def post(self, role: Role, path: str, **form: str) -> Answer:
        return await self.ask("POST", path, self.school.sessions[role], form)

    async def ask(
        self, method: str, path: str, token: str, form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        sent = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{SESSION}={token}", **named}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        async with self.session.request(
            method, f"http://127.0.0.1:{self.port}{path}", headers=sent, allow_redirects=False,
            data=None if form is None else urlencode(form),
        ) as response:  # fmt: skip
            return Answer(response.status, await response.text(), response.headers)


@asynccontextmanager
async def pages_of(school: DemonstrationSchool) -> AsyncIterator[Pages]:
    """A console of this school."""
    client = OperationsClient(school.control.socket)
    runner = web.AppRunner(application(Console(port=0), client, BuiltAssets.load()), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as session:
        yield Pages(school, session, runner.addresses[0][1])
    await runner.cleanup()
    await client.close()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    @classmethod
    def of(cls, html: str) -> str:
        parser = cls()
        parser.feed(html)
        return "".join(parser.parts)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
