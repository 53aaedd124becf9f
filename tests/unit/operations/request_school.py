"""A school with a policy, a lead, a head, a director, a manager and a teacher, who ask for changes of the filter."""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import orjson
from tests.unit.operations.signed_in import MINUTE, SECOND, School, opened

from schoolgate.accounts import sessions
from schoolgate.accounts.account_list import set_columns
from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.outbox import Outbox
from schoolgate.checks.deciding import Policy
from schoolgate.config import load, parse
from schoolgate.lists.build import build
from schoolgate.operations.actor import Actor
from schoolgate.operations.caller import Caller
from schoolgate.operations.governance.request_drafting import engine_of, ready
from schoolgate.operations.work import Work
from schoolgate.sealed import import_list, importing

POLICY = """\
format = 1
time_zone = "Europe/London"
allowed_clients = ["10.0.0.0/8"]
strictest = "pupil"

[policies.trust]
locked.deny = ["locked.example"]

[policies.pupil]
extends = "trust"
deny = [NAMES]

[policies.staff]
extends = "trust"
deny = [NAMES]

[segments.pupils]
prefixes = ["10.1.0.0/16"]
policy = "pupil"

[segments.staff]
prefixes = ["10.3.0.0/16"]
policy = "staff"
"""
NAMES = [f"{letter}{number}.example" for letter in "abcdefghijklm" for number in (1, 2, 3)] + ["art.example"]
POLICY = POLICY.replace("NAMES", ", ".join(f'"{one}"' for one in NAMES))
SEALED = "sealed.example"
IT = Actor("uid:4294960000", "root", frozenset({Role.network_manager}))
DAY = 86_400 * SECOND


class RequestSchool:
    """`people`: sessions by role; each account has a mail address of its role."""

    def __init__(self, school: School) -> None:
        self.school, self.people, self.ids = school, dict[str, str](), dict[str, str]()
        self._signed_in_us = dict[str, int]()

    async def open(self, *roles: Role) -> None:
        await self.by(IT, "policy.apply", text=POLICY, reason="The policy of the new term")
        for role in roles:
            await self.person(str(role), role)

    async def person(self, login: str, *roles: Role) -> None:
        """An account, signed in; in a trust whose others are signed in still."""
        account = await self.school.account(login, *roles)
        async with self.school.change() as change:
            await set_columns(change.connection, account, mail=f"{login}@school.example")
            change.is_signed = True
        self.ids[login] = f"account:{account}"

    async def leave(self, login: str) -> None:
        """The account is disabled."""
        async with self.school.change() as change:
            await set_columns(change.connection, self.account_of(login), state="disabled")
            change.is_signed = True

    async def session(self, login: str) -> str:
        """One whose factor was given within the last minutes."""
        now = self.school.clock.us
        if not 0 <= now - self._signed_in_us.get(login, -DAY) < 4 * MINUTE:
            self.people[login], self._signed_in_us[login] = await self.school.session(self.account_of(login)), now
        return self.people[login]

    def account_of(self, login: str) -> UUID:
        return UUID(self.ids[login].removeprefix("account:"))

    def later(self, by_us: int) -> None:
        self.school.clock.us += by_us

    def iso(self, after_us: int = 0) -> str:
        return (self.school.clock.now() + dt.timedelta(microseconds=after_us)).isoformat()

    async def ask(self, role: str, name: str, /, **arguments: Any) -> Any:
        """For a person, by role or login."""
        return await self.school.call(await self.session(role), f"request.{name}", **arguments)

    async def by(self, actor: Actor, name: str, /, **arguments: Any) -> Any:
        return await self.school.operations.call(actor, name, arguments)

    async def file(self, role: str = Role.head, name: str = "art.example", **more: Any) -> Any:
        given = {"action": "open", "names": [name], "segments": ["pupils"], "purpose": "Art, year 9", **more}
        return await self.ask(role, "file", **given)

    async def approve(self, number: int, role: str = Role.trust_director, **more: Any) -> Any:
        shown = await self.ask(role, "show", number=number)
        return await self.ask(role, "decide", number=number, version=shown.version, decision="approve", **more)

    async def keep_up(self) -> Any:
        return await self.by(Actor("job:requests", "schoolgate", frozenset({Role.network_manager})), "request.keep_up")

    async def verdict(self, name: str, segment: str) -> str:
        """By the engine and the policy that is in force, at the clock of the test."""
        work = await self.work()
        there = ready(work)
        policy = there.checked.document.segments[segment].policy
        decided = engine_of(work, there.ground, there.checked).decide(Policy(policy, False), name)
        return "open" if decided.is_open else "closed"

    async def work(self) -> Any:
        school = self.school
        return Work(
            Caller(IT), load(school.config), school.config, school.clock.now(), lambda _: None,
            school.operations._store, None,  # type: ignore[arg-type]
        )  # fmt: skip

    async def text(self) -> str:
        shown = await self.by(IT, "policy.show")
        return str(shown.text)

    async def revisions(self) -> int:
        return len(await self.by(IT, "policy.revisions"))

    def mails(self) -> list[tuple[str, str]]:
        path = self.school.state / "monitor" / "alerts.db"
        if not path.exists():
            return []
        with contextlib.closing(AlertStore.open(path)) as store:
            due = Outbox(store).due(self.school.clock.now() + dt.timedelta(days=1), 1000)
        return [(one.recipient.partition("@")[0], one.message.subject.partition("] ")[2]) for one in due]


EVERY = (Role.network_manager, Role.safeguarding_lead, Role.head, Role.trust_director, Role.teacher)


@functools.cache
def built_lists() -> Path:
    """The shipped lists, compiled once for all schools of a file; in a folder that ends with the process."""
    folder = tempfile.TemporaryDirectory(prefix="schoolgate-lists-")
    atexit.register(folder.cleanup)
    state = Path(folder.name) / "state"
    state.mkdir()
    build(parse(f'[server]\nstate_dir = "{state}"\n', "schoolgate.toml"))
    return state / "lists"


@asynccontextmanager
async def school_of(folder: Path, *roles: Role, more: str = "") -> AsyncIterator[RequestSchool]:
    (folder / "state").mkdir(mode=0o700)
    (folder / "supplier.txt").write_text(f"{SEALED}\n", encoding="utf-8")
    # The test process stays as it is.
    with mock.patch.object(importing, "keep_private"):
        import_list(
            folder / "state", folder / "supplier.txt", supplier="iwf", form="plain", column=None, who="a tester",
            now=dt.datetime(2026, 11, 23, tzinfo=dt.UTC), accept_shrink=False,
        )  # fmt: skip
    shutil.copytree(built_lists(), folder / "state" / "lists", symlinks=True)
    async with opened(folder, more) as made:
        school = RequestSchool(made)
        await school.open(*(roles or EVERY))
        yield school


def audit_details(entries: list[dict[str, Any]]) -> list[str]:
    return [orjson.dumps(one["detail"]).decode() for one in entries]


__all__ = ["DAY", "EVERY", "IT", "RequestSchool", "audit_details", "school_of", "sessions"]
