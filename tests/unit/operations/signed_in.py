"""People who sign in by the operations, as the console has them do it; the test moves the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp

from schoolgate.accounts import account_list, grants, sessions
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Origin, Stage
from schoolgate.config import load
from schoolgate.operations.accounts.session_results import SignInStep
from schoolgate.operations.caller import Credentials
from schoolgate.operations.hosting import hosted
from schoolgate.operations.operations import Operations
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.store import Change, Store

PASSWORD = "violet kettle marching seven"
OTHER_PASSWORD = "copper lantern drifting north"
ADDRESS = "192.0.2.7"
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.us = int(dt.datetime(2026, 11, 30, 9, 0, tzinfo=dt.UTC).timestamp()) * SECOND

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.us / SECOND, dt.UTC)

    def now_us(self) -> int:
        return self.us


class School:
    """Operations over a state directory, called for people."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.state, self.config, self.clock = folder / "state", folder / "schoolgate.toml", Clock()
        self.write(more)
        self.operations: Operations

    def write(self, more: str) -> None:
        head = f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{self.state}"\n'
        self.config.write_text(head + more, encoding="utf-8")

    async def call(self, token: str | None, name: str, /, **arguments: Any) -> Any:
        """For a session; "" is no session yet."""
        given = Credentials(session=token, address=ADDRESS, user_agent="Firefox")
        return await self.operations.call_for(given, name, arguments)

    async def by_token(self, secret: str, name: str, /, **arguments: Any) -> Any:
        return await self.operations.call_for(Credentials(api_token=secret), name, arguments)

    async def begin(self, login: str, password: str = PASSWORD, device: str | None = None) -> SignInStep:
        step: SignInStep = await self.call("", "session.begin", login=login, password=password, device=device)
        return step

    @property
    def store_path(self) -> Path:
        return Place.in_folder(self.state).store

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        """A change beside the operations."""
        async with await Store.open(self.store_path, now_us=self.clock.us) as store, store.change() as change:
            yield change

    async def account(self, login: str, *roles: Role, scope: str = "trust") -> UUID:
        """An account with roles that it has had for long."""
        async with self.change() as change:
            made = await account_list.create(change, login, login.title(), actor="uid:0", now_us=self.clock.us)
            for role in roles:
                past = self.clock.us - 30 * 24 * HOUR
                await grants.insert(change, made.id, role, scope, GrantState.active, actor="uid:1", now_us=past)
        return made.id

    async def session(self, account_id: UUID, *, is_fresh: bool = True, stage: Stage = Stage.full) -> str:
        """A session without a sign-in."""
        async with self.change() as change:
            made = await sessions.begin(
                change, account_id, Origin(ADDRESS, "Firefox"), stage=stage, method="test", now_us=self.clock.us,
                factor_us=self.clock.us if is_fresh else None,
            )  # fmt: skip
            change.is_signed = True  # a test's own row needs no entry
        return made.token

    async def signed_in(self, login: str, *roles: Role, is_fresh: bool = True) -> str:
        return await self.session(await self.account(login, *roles), is_fresh=is_fresh)

    def code(self, secret: str) -> str:
        return str(pyotp.TOTP(secret).generate_otp(self.clock.us // (30 * SECOND)))

    async def entries(self, operation: str | None = None) -> list[dict[str, Any]]:
        """The audit log, oldest first."""
        found = await audit_operations.log(Place.in_folder(self.state), self.clock.us, 10_000)
        fields = [dict(one.fields) for one in found[::-1]]
        return [one for one in fields if operation in (None, one["operation"])]


@asynccontextmanager
async def opened(folder: Path, more: str = "") -> AsyncIterator[School]:
    school = School(folder, more)
    async with hosted(school.config, load(school.config), school.clock) as school.operations:
        # Makes the store.
        await school.call("", "session.providers")
        yield school
