"""A school for tests of accounts: a store, a clock that the test moves, and people with roles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
from argon2 import Parameters, Type
from sqlalchemy import text
from tests.unit.storage.opened import NOON_US, opened

from schoolgate.accounts import account_list, grants, passwords, sessions, totp_factor
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.account_settings import PasswordSettings
from schoolgate.accounts.factor_key import FactorKey
from schoolgate.accounts.grants import Grant, GrantState
from schoolgate.accounts.guessing import Guard
from schoolgate.accounts.password_hashing import PasswordHashing
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Origin, Session, Stage
from schoolgate.accounts.signing_in import SignedIn, SignIn
from schoolgate.storage import audit_reading
from schoolgate.storage.engine import make_engine
from schoolgate.storage.failed_attempts import Attempts
from schoolgate.storage.schema import metadata
from schoolgate.storage.store import Change, Store

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# A hash that takes no time: the tests of hashing itself use the real parameters.
CHEAP = Parameters(Type.ID, 19, 16, 32, 1, 8, 1)
PASSWORD = "violet kettle marching seven"
ADDRESS = "192.0.2.7"


class School:
    """`now` is the clock."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON_US
        self.key = FactorKey(bytes(32))
        self.passwords = Passwords(PasswordHashing(CHEAP), PasswordSettings(words=("Oakfield School",)))
        self.attempts = Attempts(store)
        self.guard = Guard(store, self.attempts)
        self.signing = SignIn(store, self.passwords, self.guard, self.key)

    async def account(self, login: str, *roles: Role, scope: str = "trust") -> Account:
        """An account with roles that it always had."""
        async with self.store.change() as change:
            made = await account_list.create(change, login, login.title(), actor="local:root", now_us=self.now)
            for role in roles:
                await self.insert_role(change, made.id, role, scope)
        return made

    async def insert_role(self, change: Change, account_id: UUID, role: Role, scope: str = "trust") -> Grant:
        past = self.now - 30 * DAY
        return await grants.insert(change, account_id, role, scope, GrantState.active, actor="local:past", now_us=past)

    async def with_password(self, login: str, *roles: Role) -> Account:
        """An account that may sign in with `PASSWORD`."""
        made = await self.account(login, *roles)
        hashed = await self.passwords.hashing.hash(PASSWORD)
        async with self.store.change() as change:
            await passwords.store_hash(change, made.id, hashed, actor="local:root", now_us=self.now)
        return made

    async def session(self, account: Account, *, factor_us: int | None = None) -> sessions.Opened:
        """A full session, without a sign-in."""
        async with self.store.change() as change:
            made = await sessions.begin(
                change, account.id, Origin(ADDRESS, "Firefox"), stage=Stage.full, method="test", now_us=self.now,
                factor_us=factor_us,
            )  # fmt: skip
            change.is_signed = True  # a test's own row needs no entry
        return made

    async def enrolled(self, account: Account) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        """Sets an authenticator app up; returns it, and the recovery codes."""
        session = (await self.session(account)).session
        return await self.enrol(session)

    async def enrol(self, session: Session) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        """Sets an authenticator app up from a session. The step after it is the first that can be used."""
        async with self.store.change() as change:
            begun_ = await totp_factor.begin(change, session, self.key, now_us=self.now)
        app = pyotp.TOTP(begun_.secret)
        async with self.store.change() as change:
            codes = await totp_factor.confirm(change, session, self.code(app), self.key, now_us=self.now)
        self.now += 60 * SECOND
        return app, codes

    def code(self, app: pyotp.TOTP, steps: int = 0) -> str:
        """The code that the app shows now, or `steps` later."""
        return str(app.generate_otp(self.now // totp_factor.STEP_US + steps))

    async def sign_in(
        self, login: str, password: str = PASSWORD, address: str = ADDRESS, device: str | None = None
    ) -> SignedIn:
        return await self.signing.with_password(login, password, address, self.now, device=device)

    async def entries(self, operation: str) -> list[dict[str, Any]]:
        """The audit entries of an operation, newest first."""
        return [dict(one.fields) for one in await audit_reading.newest(self.store, 1000, operation=operation)]


@asynccontextmanager
async def begun(where: Path | str) -> AsyncIterator[School]:
    async with await opened(where) as store:
        yield School(store)


async def emptied(where: str) -> None:
    """Empties a database, so that the next owner begins an installation."""
    async with await opened(where):
        pass
    engine = make_engine(where)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} CASCADE"))
    await engine.dispose()
