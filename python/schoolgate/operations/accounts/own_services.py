"""What an account does about itself: factors, sessions, its password. The session says which account it is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from schoolgate.accounts import (
    account_list,
    account_state,
    api_tokens,
    callers,
    passkeys,
    passwords,
    second_factors,
    sessions,
)
from schoolgate.accounts import totp_factor as totp
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.api_tokens import ApiToken
from schoolgate.accounts.callers import AccountCaller
from schoolgate.accounts.errors import FactorRefused, PasswordRefused, SignInRefused
from schoolgate.accounts.factor_key import FactorKey
from schoolgate.accounts.guessing import Guard
from schoolgate.accounts.passkeys import RelyingParty
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.sessions import FRESH_US, Session, Stage
from schoolgate.accounts.signing_in import SignedIn, SignIn
from schoolgate.operations.accounts import sign_in_results
from schoolgate.operations.accounts.account_notices import Notices
from schoolgate.operations.accounts.account_results import ApiTokenMade, ApiTokenShown
from schoolgate.operations.accounts.session_results import (
    Enrolled,
    HeldRole,
    OwnFactors,
    OwnPasskey,
    OwnSession,
    SignInStep,
    TotpStart,
    Whoami,
)
from schoolgate.operations.caller import Caller
from schoolgate.operations.errors import FactorNeeded, NotPermitted
from schoolgate.storage.store import Change, Store


@dataclass(frozen=True)
class OwnServices:
    """`school`: the id of this installation's school, for the roles that hold here."""

    store: Store
    signing: SignIn
    rules: Passwords
    guard: Guard
    key: FactorKey
    party: RelyingParty | None
    school: str
    notices: Notices

    async def show(self, caller: Caller, now_us: int) -> Whoami:
        """The account behind the session."""
        found = await callers.of_session(self.store, caller.token, now_us)
        names = await sign_in_results.names_next(self.store, _session(caller), has_passkeys=self.party is not None)
        return _whoami(found, names, self.school, now_us)

    async def start_totp(self, caller: Caller, password: str | None, now_us: int) -> TotpStart:
        """Raises `FactorRefused`, `FactorNeeded`, `SignInRefused`."""
        await self._refuse_unproved(caller, password, now_us)
        async with self.store.change() as change:
            made = await totp.begin(change, _session(caller), self.key, now_us=now_us)
        return TotpStart(made.secret, made.address, made.svg)

    async def enrol_totp(self, caller: Caller, code: str, now_us: int) -> Enrolled:
        """Raises `FactorRefused`, `FactorNeeded`."""
        await self._refuse_stale(caller, now_us)
        async with self.store.change() as change:
            codes = await totp.confirm(change, _session(caller), code, self.key, now_us=now_us)
            stepped = await _stepped_up(change, _session(caller), now_us)
        return await self._enrolled(caller, stepped, codes, now_us)

    async def start_passkey(self, caller: Caller, password: str | None, now_us: int) -> str:
        """Raises `FactorRefused`, `FactorNeeded`, `SignInRefused`."""
        await self._refuse_unproved(caller, password, now_us)
        return await passkeys.begin_registration(self.store, _session(caller), self.party_set_up(), now_us)

    async def enrol_passkey(self, caller: Caller, answer: str, label: str, now_us: int) -> Enrolled:
        """Raises `FactorRefused`, `FactorNeeded`."""
        await self._refuse_stale(caller, now_us)
        party = self.party_set_up()
        async with self.store.change() as change:
            made = await passkeys.finish_registration(change, _session(caller), party, answer, label, now_us=now_us)
            stepped = await _stepped_up(change, _session(caller), now_us)
        return await self._enrolled(caller, stepped, made.recovery_codes, now_us)

    async def factors(self, caller: Caller) -> OwnFactors:
        """The factors of the account."""
        account_id = _session(caller).account_id
        keys = await passkeys.own_passkeys(self.store, account_id)
        async with self.store.reading() as connection:
            found = await second_factors.factors_of(connection, account_id)
            is_needed = await second_factors.is_needed(connection, account_id)
            has_password = await passwords.hash_of(connection, account_id) is not None
        listed = tuple(OwnPasskey(one.id, one.label, one.created_us, one.used_us) for one in keys)
        asks_password = has_password and not found.has_any
        return OwnFactors(found.has_totp, listed, found.recovery_codes, is_needed, asks_password)

    async def remove_passkey(self, caller: Caller, passkey_id: UUID, now_us: int) -> OwnFactors:
        """Raises `FactorRefused`, `FactorNeeded`."""
        await self._refuse_stale(caller, now_us)
        async with self.store.change() as change:
            await passkeys.remove(change, _session(caller), passkey_id, now_us=now_us)
        return await self.factors(caller)

    async def choose_password(self, caller: Caller, new: str, now_us: int) -> SignInStep:
        """Raises `PasswordRefused`; `SignInRefused` for a sign-in that waits for no password."""
        session = _session(caller)
        if session.stage is not Stage.change:
            raise SignInRefused
        if await passwords.verify(self.rules, self.store, session.account_id, new):
            raise PasswordRefused(("it is the old one; choose another",))
        hashed = await passwords.prepare(self.rules, self.store, session.account_id, new, now_us)
        async with self.store.change() as change:
            await sessions.session_of(change.connection, caller.token, now_us)
            await passwords.store_hash(
                change, session.account_id, hashed, actor=actor_id(session.account_id), now_us=now_us
            )
        return await self.step(await self.signing.after_new_password(caller.token, now_us))

    async def change_password(self, caller: Caller, old: str, new: str, now_us: int) -> None:
        """Raises `FactorNeeded`, `SignInRefused`, `PasswordRefused`."""
        await self._refuse_stale(caller, now_us)
        await passwords.change_own(self.rules, self.guard, self.store, _session(caller), old, new, now_us)

    async def sessions(self, caller: Caller, now_us: int) -> tuple[OwnSession, ...]:
        """The sessions of the account, newest first."""
        this = _session(caller)
        found = await sessions.own_sessions(self.store, this.account_id, now_us)
        return tuple(own_session(one, this.id) for one in found)

    async def end(self, caller: Caller, session_id: UUID | None, now_us: int) -> bool:
        """Signs out this session, or another one of the account. Raises `SessionEnded`."""
        this = _session(caller)
        async with self.store.change() as change:
            await sessions.end(
                change, this.account_id, session_id or this.id, actor=actor_id(this.account_id), now_us=now_us
            )
        return True

    async def compromise(self, caller: Caller, now_us: int) -> int:
        """How many sessions ended, this one too."""
        account_id = _session(caller).account_id
        async with self.store.change() as change:
            done = await account_state.compromise(change, account_id, actor=actor_id(account_id), now_us=now_us)
        await self.notices.compromised(done.account, now_us)
        return done.sessions

    async def make_token(
        self, caller: Caller, label: str, scopes: tuple[str, ...], days: int, now_us: int
    ) -> ApiTokenMade:
        """A token of the own account. Raises `AccountRefused`."""
        account_id = _session(caller).account_id
        async with self.store.change() as change:
            made = await api_tokens.make(
                change, account_id, label, scopes, now_us + days * DAY_US, actor=actor_id(account_id), now_us=now_us
            )
        return ApiTokenMade(token_shown(made.token), made.secret)

    async def tokens(self, caller: Caller, now_us: int) -> tuple[ApiTokenShown, ...]:
        """The tokens of the account."""
        found = await api_tokens.own_tokens(self.store, _session(caller).account_id, now_us)
        return tuple(map(token_shown, found))

    async def revoke_token(self, caller: Caller, token_id: UUID, now_us: int) -> bool:
        """Raises `TokenRefused`."""
        account_id = _session(caller).account_id
        async with self.store.change() as change:
            await api_tokens.revoke(change, account_id, token_id, actor=actor_id(account_id), now_us=now_us)
        return True

    def party_set_up(self) -> RelyingParty:
        """Raises `FactorRefused` where the settings name no console that passkeys are bound to."""
        if self.party is None:
            raise FactorRefused("passkeys are not set up here; an administrator sets accounts.passkey_domain")
        return self.party

    async def _refuse_stale(self, caller: Caller, now_us: int) -> None:
        """Raises `FactorNeeded` where the account has a factor that this complete session gave too long ago."""
        session = _session(caller)
        async with self.store.reading() as connection:
            found = await second_factors.factors_of(connection, session.account_id)
        if session.is_full and found.has_any and not session.is_fresh(now_us):
            raise FactorNeeded("the second factor was given too long ago; give it again")

    async def _refuse_unproved(self, caller: Caller, password: str | None, now_us: int) -> None:
        """Before a factor is set up: a complete session alone may be a browser that was left open.

        Raises `FactorNeeded` for a factor given too long ago; without one `FactorRefused` or `SignInRefused` unless the
        password is given, or the sign-in of an account that has none was within five minutes.
        """
        await self._refuse_stale(caller, now_us)
        session = _session(caller)
        async with self.store.reading() as connection:
            has_factor = (await second_factors.factors_of(connection, session.account_id)).has_any
            has_password = await passwords.hash_of(connection, session.account_id) is not None
        if not session.is_full or has_factor:
            return
        if not has_password:
            if not 0 <= now_us - session.created_us <= FRESH_US:
                raise FactorRefused("the sign-in was too long ago; sign in again, and set it up within five minutes")
            return
        if not password:
            raise FactorRefused("give the password of the account too, to set up its first second factor")
        attempt = await passwords.give_again(self.rules, self.guard, self.store, session, password, now_us)
        async with self.store.counting() as connection:
            await self.guard.succeeded(connection, attempt, now_us)

    async def _enrolled(
        self, caller: Caller, stepped: SignedIn | None, codes: tuple[str, ...], now_us: int
    ) -> Enrolled:
        taken = stepped or await self.signing.after_enrolment(caller.token, now_us)
        return Enrolled(await self.step(taken), codes)

    async def step(self, taken: SignedIn) -> SignInStep:
        """The result of a step; the holder is informed of a new browser."""
        if taken.device is not None:
            async with self.store.reading() as connection:
                holder = await account_list.by_id(connection, taken.session.account_id)
            await self.notices.new_device(holder, taken.session.seen_us)
        return await sign_in_results.step(self.store, taken, has_passkeys=self.party is not None)


def own_session(one: Session, this: UUID | None) -> OwnSession:
    """A session as its holder, or an administrator, sees it."""
    return OwnSession(
        one.id, one.method, one.created_us, one.seen_us, one.ends_us, one.address, one.user_agent, one.id == this
    )


def token_shown(one: ApiToken) -> ApiTokenShown:
    """A token as a result."""
    return ApiTokenShown(one.id, one.account_id, one.label, one.scopes, one.created_us, one.expires_us, one.used_us)


async def _stepped_up(change: Change, session: Session, now_us: int) -> SignedIn | None:
    """A complete session that set a factor up gave it by that. None for a sign-in that goes on."""
    if not session.is_full:
        return None
    return SignedIn(await sessions.renew(change, session, stage=Stage.full, now_us=now_us, factor_us=now_us))


def _session(caller: Caller) -> Session:
    if caller.session is None:
        raise NotPermitted("this needs an account that is signed in; sign in at the console")
    return caller.session


def _whoami(found: AccountCaller, names: tuple[str, ...], school: str, now_us: int) -> Whoami:
    session, holder = found.session, found.account
    assert session is not None
    fresh_until_us = session.factor_us + FRESH_US if session.factor_us is not None and session.is_fresh(now_us) else 0
    return Whoami(
        account_id=holder.id,
        login=holder.login,
        display_name=holder.display_name,
        roles=tuple(HeldRole(one.role.value, one.scope, callers.holds_here(one.scope, school)) for one in found.grants),
        stage=session.stage.value,
        method=session.method,
        is_fresh=fresh_until_us > 0,
        fresh_until_us=fresh_until_us,
        ends_us=session.ends_us,
        names=names,
    )
