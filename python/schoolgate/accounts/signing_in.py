"""A sign-in: password, then the second factor, or the setting up of one, or a new password; at the end a full session.

Each step gives a new token. Until the session is full it may do nothing but take the next step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import (
    account_list,
    guessing,
    known_devices,
    passkeys,
    passwords,
    recovery_codes,
    second_factors,
    sessions,
    totp_factor,
)
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.errors import FactorRefused, SessionEnded, SignInRefused
from schoolgate.accounts.factor_key import FactorKey
from schoolgate.accounts.guessing import Guard
from schoolgate.accounts.passkeys import RelyingParty
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.sessions import Opened, Origin, Session, Stage
from schoolgate.audit.event import Event, Outcome
from schoolgate.storage.audit_log import append
from schoolgate.storage.schema import account_session
from schoolgate.storage.store import Change, Store

SIGNED_IN, STEPPED_UP, PASSWORD_GIVEN = "account.signed_in", "account.factor_given", "account.password_given"
# Wrong second factors of one session before it ends.
MOST_FACTOR_FAILURES = 5
TOO_MANY = "too many wrong codes"

# Compares what was given as second factor, inside the change that uses it up.
Factor = Callable[[Change, UUID], Awaitable[bool]]


@dataclass(frozen=True)
class SignedIn:
    """A step that was taken. `device`: the value of the known device's cookie, where it is new; tell its holder by
    mail then."""

    opened: Opened
    device: str | None = field(default=None, repr=False)

    @property
    def session(self) -> Session:
        """The session as it is after the step."""
        return self.opened.session


class SignIn:
    """Signs in at one store. One for a process."""

    def __init__(self, store: Store, rules: Passwords, guard: Guard, key: FactorKey) -> None:
        self._store = store
        self._rules = rules
        self._guard = guard
        self._key = key

    async def with_password(
        self, login: str, password: str, address: str, now_us: int, *, user_agent: str = "", device: str | None = None
    ) -> SignedIn:
        """The first step. `device`: the cookie of a known device. Raises `SignInRefused`, the same for every reason."""
        attempt = await self._guard.admit(login, address, device, now_us)
        account_id = None if attempt.account is None else attempt.account.id
        is_right = await passwords.verify(self._rules, self._store, account_id, password)
        if not is_right or attempt.account is None or not attempt.account.is_active:
            await self._guard.failed(attempt, now_us)
            raise SignInRefused
        async with self._store.change() as change:
            holder = await account_list.by_id(change.connection, attempt.account.id)
            if holder.is_active:  # still
                return await self._after_password(
                    change, holder, Origin(address, user_agent, attempt.device_id), now_us
                )
            raise SignInRefused

    async def with_totp(self, token: str, code: str, now_us: int) -> SignedIn:
        """The code of an authenticator app, as second step or as a step up. Raises `SignInRefused`, `SessionEnded`."""

        async def accept(change: Change, account_id: UUID) -> bool:
            return await totp_factor.accept(change, account_id, code, self._key, now_us)

        return await self.with_factor(token, "totp", accept, now_us)

    async def with_recovery_code(self, token: str, code: str, now_us: int) -> SignedIn:
        """A recovery code in place of the app. Raises `SignInRefused`, `SessionEnded`."""

        async def accept(change: Change, account_id: UUID) -> bool:
            return await recovery_codes.use(change, account_id, code, now_us)

        return await self.with_factor(token, "recovery_code", accept, now_us)

    async def with_factor(self, token: str, name: str, accept: Factor, now_us: int) -> SignedIn:
        """Any second factor. After five wrong ones the session ends; an account has ten in five minutes.

        Raises `SignInRefused`, `SessionEnded`.
        """
        async with self._store.reading() as connection:
            session = await sessions.session_of(connection, token, now_us)
            holder = await account_list.by_id(connection, session.account_id)
        if session.stage not in (Stage.factor, Stage.full):
            raise FactorRefused("this sign-in does not wait for a second factor")
        await self._count_factor(holder, session, now_us)
        try:
            async with self._store.change() as change:
                if await accept(change, holder.id):
                    await guessing.factor_was_right(change.connection, self._store.site_id, holder, now_us)
                    return await self._after_factor(change, holder, session, name, now_us)
                raise SignInRefused
        except SignInRefused:
            await self._guard.failed(self._guard.attempt_of(holder, session), now_us)
            raise

    async def after_enrolment(self, token: str, now_us: int) -> SignedIn:
        """Goes on once a required second factor was set up. Raises `FactorRefused` while there is none."""
        async with self._store.change() as change:
            session = await sessions.session_of(change.connection, token, now_us)
            if session.stage is not Stage.enrol:
                raise FactorRefused("this sign-in does not wait for a second factor to be set up")
            if not (await second_factors.factors_of(change.connection, session.account_id)).has_any:
                raise FactorRefused("no second factor is set up yet; the roles of this account need one")
            holder = await account_list.by_id(change.connection, session.account_id)
            return await self._after_factor(change, holder, session, "enrolment", now_us)

    async def after_new_password(self, token: str, now_us: int) -> SignedIn:
        """Goes on once a password that had to be changed was changed. Raises `SignInRefused` while it was not."""
        async with self._store.change() as change:
            session = await sessions.session_of(change.connection, token, now_us)
            holder = await account_list.by_id(change.connection, session.account_id)
            if session.stage is not Stage.change or holder.must_change_password:
                raise SignInRefused
            return await self._finish(change, holder, session, now_us, None)

    async def with_passkey(self, token: str, party: RelyingParty, response: str, now_us: int) -> SignedIn:
        """A passkey as second step or as a step up. Raises `SignInRefused`, `SessionEnded`."""

        async def accept(change: Change, account_id: UUID) -> bool:
            return await passkeys.accept(change, party, response, now_us, account_id) == account_id

        return await self.with_factor(token, "passkey", accept, now_us)

    async def with_passkey_alone(
        self, party: RelyingParty, response: str, origin: Origin, now_us: int, *, device: str | None = None
    ) -> SignedIn:
        """A passkey that verified its person: two factors at once. Raises `SignInRefused`."""
        attempt = self._guard.admit_source(origin.address, now_us)
        try:
            async with self._store.change() as change:
                account_id = await passkeys.accept(change, party, response, now_us)
                return await self._identified(change, account_id, "passkey", origin, now_us, device, has_factor=True)
        except SignInRefused:
            await self._guard.failed(attempt, now_us)
            raise

    async def with_identity(
        self, account_id: UUID, method: str, origin: Origin, now_us: int, *, has_factor: bool, device: str | None = None
    ) -> SignedIn:
        """Signs in an account that an identity provider named. `has_factor`: it vouches for a second factor, too.

        Raises `SignInRefused` for a disabled account.
        """
        async with self._store.change() as change:
            return await self._identified(change, account_id, method, origin, now_us, device, has_factor=has_factor)

    async def _identified(
        self,
        change: Change,
        account_id: UUID,
        method: str,
        origin: Origin,
        now_us: int,
        device: str | None,
        *,
        has_factor: bool,
    ) -> SignedIn:
        holder = await account_list.by_id(change.connection, account_id)
        if not holder.is_active:
            raise SignInRefused
        origin = replace(origin, device_id=await known_devices.find(change.connection, account_id, device))
        if not has_factor:
            return await self._after_password(change, holder, origin, now_us, method)
        begun = await sessions.begin(change, holder.id, origin, stage=Stage.factor, method=method, now_us=now_us)
        return await self._after_factor(change, holder, begun.session, None, now_us)

    async def _after_password(
        self, change: Change, holder: Account, origin: Origin, now_us: int, method: str = "password"
    ) -> SignedIn:
        stage = await _stage_after_password(change, holder)
        opened = await sessions.begin(change, holder.id, origin, stage=stage, method=method, now_us=now_us)
        if stage is Stage.full:
            return await self._finish(change, holder, opened.session, now_us, None)
        await append(change, _event(PASSWORD_GIVEN, opened.session, now_us))
        return SignedIn(opened)

    async def _after_factor(
        self, change: Change, holder: Account, session: Session, name: str | None, now_us: int
    ) -> SignedIn:
        if session.is_full:
            opened = await sessions.renew(change, session, stage=Stage.full, now_us=now_us, factor_us=now_us)
            await append(change, _event(STEPPED_UP, opened.session, now_us))
            return SignedIn(opened)
        method = session.method if name is None else f"{session.method}+{name}"
        if await _must_change(change, holder):
            opened = await sessions.renew(
                change, session, stage=Stage.change, now_us=now_us, method=method, factor_us=now_us
            )
            await append(change, _event(STEPPED_UP, opened.session, now_us))
            return SignedIn(opened)
        return await self._finish(change, holder, session, now_us, now_us, method)

    async def _finish(
        self,
        change: Change,
        holder: Account,
        session: Session,
        now_us: int,
        factor_us: int | None,
        method: str | None = None,
    ) -> SignedIn:
        """The full session. The device is known from now on."""
        await self._guard.succeeded(change.connection, self._guard.attempt_of(holder, session), now_us)
        device_id, cookie = session.device_id, None
        if device_id is None:
            device_id, cookie = await known_devices.remember(change, holder.id, now_us)
        else:
            await known_devices.used(change.connection, device_id, now_us)
        opened = await sessions.renew(
            change, session, stage=Stage.full, now_us=now_us, method=method, factor_us=factor_us, device_id=device_id
        )
        await account_list.set_columns(change.connection, holder.id, last_sign_in_us=now_us)
        await append(change, _event(SIGNED_IN, opened.session, now_us, is_new_device=cookie is not None))
        return SignedIn(opened, cookie)

    async def _count_factor(self, holder: Account, session: Session, now_us: int) -> None:
        """Counts a wrong factor before it is compared. Raises `SessionEnded` after five of the session, `SignInRefused`
        after ten of the account in five minutes."""
        async with self._store.counting() as connection:
            wait_us = await guessing.count_factor(connection, self._store.site_id, holder, now_us)
            is_ended = not wait_us and await _count_in_session(connection, session, now_us)
        if wait_us:
            await self._guard.failed(self._guard.attempt_of(holder, session), now_us, Outcome.refused)
            raise SignInRefused(wait_us)
        if is_ended:
            raise SessionEnded(TOO_MANY)


async def _count_in_session(connection: AsyncConnection, session: Session, now_us: int) -> bool:
    """Whether the session ends, as it had five wrong factors before this one."""
    rows = account_session.c
    failures = (await connection.execute(select(rows.factor_failures).where(rows.id == session.id))).scalar_one()
    is_ended: bool = failures >= MOST_FACTOR_FAILURES
    ended = {"ended_us": now_us, "ended_why": TOO_MANY} if is_ended else {}
    counted = update(account_session).where(rows.id == session.id)
    await connection.execute(counted.values(factor_failures=failures + 1, **ended))
    return is_ended


async def _stage_after_password(change: Change, holder: Account) -> Stage:
    if (await second_factors.factors_of(change.connection, holder.id)).has_any:
        return Stage.factor
    if await second_factors.is_needed(change.connection, holder.id):
        return Stage.enrol
    return Stage.change if await _must_change(change, holder) else Stage.full


async def _must_change(change: Change, holder: Account) -> bool:
    """Whether a password has to be changed first; an account without one has none to change."""
    return holder.must_change_password and await passwords.hash_of(change.connection, holder.id) is not None


def _event(operation: str, session: Session, now_us: int, **more: bool) -> Event:
    detail = {"session": str(session.id), "method": session.method, "stage": session.stage.value, **more}
    personal = {"address": session.address} if session.address else {}
    return Event(now_us, actor_id(session.account_id), operation, detail=detail, personal=personal)
