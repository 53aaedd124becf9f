"""A school with a real `schoolgate control` and a console in the test's process; one signed-in person of each role."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, web
from tests.failures.control_process import Control, request
from tests.failures.people import account, session
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate.accounts.roles import Role
from schoolgate.config.console import Console
from schoolgate.console.application import application
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.session_cookie import SESSION

HOSTILE = '"><script>alert(1)</script>\u202egpj.exe'
LONG_NAME = ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 61))
EMOJI = "xn--i-7iq.example.net"

POLICY = """\
# The policy of a school, for tests of the console.
format = 1
time_zone = "Europe/London"
allowed_clients = ["127.0.0.0/8", "10.0.0.0/8"]
strictest = "pupil"
strictest_may_be_looser = "The exam room has an allow list of its own"

[policies.trust]
block_ttl_s = 30
locked.categories = { pornography = "deny", malware = "deny" }
categories = { gambling = "deny", drugs = "deny" }   # agreed by the trust's board

[policies.school]
extends = "trust"
categories = { social = "deny" }

[policies.pupil]
extends = "school"
max_ttl_s = 60
categories = { games = "deny", streaming = "deny", "service:tiktok" = "deny" }   # reviewed each term

[policies.pupil-lunch]
extends = "pupil"
categories = { games = "allow", streaming = "allow" }

[policies.exam]
extends = "pupil"
unknown = "deny"
allow = ["exams.example.org"]

[policies.sixth-form]
extends = "pupil"
categories = { streaming = "allow", social = "allow" }

[policies.staff]
extends = "school"
categories = { social = "allow" }
exceptions = [
    { name = "bets.example", reason = "A maths lesson on odds", approved_by = "Ada", until = 2099-01-01T00:00:00Z },
    { name = "old.example", reason = "A trip that is over", approved_by = "Ada", until = 2020-01-01T00:00:00Z },
]
temporary_deny = [{ name = "noise.example", reason = "A craze", until = 2099-02-01T00:00:00Z }]

[segments.year-7-to-11]
prefixes = ["127.0.0.1/32", "10.1.0.0/16"]
policy = "pupil"

[[segments.year-7-to-11.schedule]]
policy = "pupil-lunch"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "12:30"
to = "13:20"

[segments.sixth-form]
prefixes = ["10.2.0.0/16"]
policy = "sixth-form"

[segments.exam-room]
prefixes = ["10.4.0.0/24"]
policy = "exam"

[segments.staff]
prefixes = ["127.0.0.2/32", "10.3.0.0/16"]
policy = "staff"
"""

_ASKED = (
    ("year-7-to-11", "pupil", "www.bbc.co.uk", 40),
    ("year-7-to-11", "pupil", "maps.example.org", 22),
    ("year-7-to-11", "pupil", "puzzles.example.org", 9),
    ("year-7-to-11", "pupil", "www.tiktok.com", 17),
    ("sixth-form", "sixth-form", "www.youtube.com", 31),
    ("staff", "staff", "www.bets.example", 3),
)


class ConsoleSchool:
    """The control process runs until `stop`; the state is that of all tests of a file."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        self.control = Control(folder)
        self.policy = policy
        self.tokens: dict[Role, str] = {}

    def start(self) -> None:
        """With the policy applied, a month's log, and people."""
        write_rows(self.control.state, wal(1), self._rows(dt.datetime.now(dt.UTC)))
        self.control.start()
        self.ask("policy.apply", text=self.policy, reason="The policy of the new term")
        for role in Role:
            self.tokens[role] = session(self.control, account(self.control, role.replace("_", "-"), role))

    def stop(self) -> None:
        self.control.end()

    def ask(self, name: str, /, **arguments: Any) -> Any:
        """The result of an operation, as the user of this machine."""
        reply = self.control.ask(request(name, arguments))
        assert reply["ok"], reply
        return reply["result"]

    def _rows(self, now: dt.datetime) -> list[Any]:
        return [
            row(
                time=now - dt.timedelta(hours=1 + at % 90),
                segment=segment,
                policy=policy,
                qname=name,
                client=f"10.1.0.{at % 7}",
            )
            for segment, policy, name, number in _ASKED
            for at in range(number)
        ]


class Browser:
    """Asks the console as one person."""

    def __init__(self, address: str, http: ClientSession, token: str) -> None:
        self._address, self._http, self._token = address, http, token

    async def get(self, path: str, **headers: str) -> tuple[ClientResponse, str]:
        """Redirects are not followed."""
        return await self._ask("GET", path, None, headers)

    async def post(self, path: str, data: Any = None, **headers: str) -> tuple[ClientResponse, str]:
        """A form of a page of ours."""
        return await self._ask("POST", path, data or {}, headers)

    async def page(self, path: str) -> str:
        """The text of a page that must be there."""
        response, text = await self.get(path)
        assert response.status == 200, (path, response.status, text)
        return text

    async def done(self, path: str, data: Any) -> str:
        """Where a form leads that must succeed."""
        response, text = await self.post(path, data)
        assert response.status == 303, (path, response.status, text)
        return response.headers["Location"]

    async def file(self, path: str) -> tuple[ClientResponse, bytes]:
        """A download."""
        sent = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{SESSION}={self._token}"}
        async with self._http.get(self._address + path, headers=sent, allow_redirects=False) as response:
            return response, await response.read()

    async def _ask(self, method: str, path: str, data: Any, headers: Mapping[str, str]) -> tuple[ClientResponse, str]:
        sent = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{SESSION}={self._token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.request(
            method, self._address + path, data=data, headers=sent, allow_redirects=False
        ) as response:
            return response, await response.text()


@asynccontextmanager
async def console_of(school: ConsoleSchool) -> AsyncIterator[Mapping[Role, Browser]]:
    """A console in this event loop; a browser of each role."""
    client = OperationsClient(school.control.socket)
    runner = web.AppRunner(application(Console(port=0), client, BuiltAssets.load()), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ClientSession() as http:
            address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield {role: Browser(address, http, token) for role, token in school.tokens.items()}
    finally:
        await runner.cleanup()
        await client.close()
