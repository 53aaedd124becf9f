"""The password of an account: set, changed, compared. It never has to be changed by age."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, password_rules, second_factors, sessions
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.account_settings import PasswordSettings
from schoolgate.accounts.breach_file import BreachedPasswords, UnusableBreachFile
from schoolgate.accounts.errors import FactorRefused, PasswordRefused, SignInRefused
from schoolgate.accounts.guessing import Attempt, Guard
from schoolgate.accounts.password_hashing import PasswordHashing
from schoolgate.accounts.sessions import Session
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import account_password
from schoolgate.storage.store import Change, Store

CHANGED = "account.password_changed"
PASSWORD_CHANGED = "the password was changed"
# No account has this identifier.
NO_ACCOUNT = UUID(int=0)


@dataclass(frozen=True)
class Passwords:
    """Rules and hashing of a process: make one at its start, and again when settings change."""

    hashing: PasswordHashing
    settings: PasswordSettings
    breached: BreachedPasswords | None = None

    @classmethod
    def load(cls, settings: PasswordSettings, hashing: PasswordHashing | None = None) -> Passwords:
        """With the file of breached passwords that the settings name. Raises `BreachFileUnusable`."""
        breached = None if settings.breached is None else BreachedPasswords.open(settings.breached)
        return cls(hashing or PasswordHashing(), settings, breached)

    @property
    def is_whole(self) -> bool:
        """Whether the file of breached passwords could be read, where one is named."""
        return not isinstance(self.breached, UnusableBreachFile)


async def prepare(passwords: Passwords, store: Store, account_id: UUID, new: str, now_us: int) -> str:
    """The hash of a new password that keeps every rule. Raises `PasswordRefused`, `NoSuchAccount`."""
    async with store.reading() as connection:
        holder = await account_list.by_id(connection, account_id)
        has_factor = (await second_factors.factors_of(connection, account_id)).has_any
        # Where a role needs one, nothing can be done before it is set up.
        has_factor = has_factor or await second_factors.is_needed(connection, account_id)
    names = (holder.login, holder.display_name)
    return await prepare_for_new(passwords, names, new, now_us, has_second_factor=has_factor)


async def prepare_for_new(
    passwords: Passwords, names: tuple[str, ...], new: str, now_us: int, *, has_second_factor: bool
) -> str:
    """The same for an account that is not made yet. Raises `PasswordRefused`."""
    await password_rules.refuse_weak(
        new,
        passwords.settings,
        own_words=names,
        has_second_factor=has_second_factor,
        now_us=now_us,
        breached=passwords.breached,
    )
    return await passwords.hashing.hash(new)


async def store_hash(change: Change, account_id: UUID, hashed: str, *, actor: str, now_us: int) -> None:
    """Stores the hash that `prepare` made, in place of an older one, and appends the entry. Raises `AccountRefused` for
    the break-glass account, `NoSuchAccount`."""
    account_list.refuse_break_glass(await account_list.by_id(change.connection, account_id))
    changed = update(account_password).where(account_password.c.account_id == account_id)
    if not (await change.connection.execute(changed.values(hash=hashed, set_us=now_us))).rowcount:
        row = {"id": uuid7(now_us), "site_id": change.site_id, "account_id": account_id}
        await change.connection.execute(account_password.insert().values(**row, hash=hashed, set_us=now_us))
    await account_list.set_columns(change.connection, account_id, must_change_password=False)
    await append(change, Event(now_us, actor, CHANGED, detail={"account": str(account_id)}))


async def change_own(
    passwords: Passwords, guard: Guard, store: Store, session: Session, old: str, new: str, now_us: int
) -> None:
    """Changes the password of a session's account; its other sessions end. The old password is asked again, and where
    there is a second factor, it was given within five minutes.

    Raises `FactorRefused` for an old factor, `SignInRefused` for the old password, `PasswordRefused` for the new one.
    """
    async with store.reading() as connection:
        has_factor = (await second_factors.factors_of(connection, session.account_id)).has_any
    if has_factor and not session.is_fresh(now_us):
        raise FactorRefused("the second factor was given too long ago; give it again")
    attempt = await give_again(passwords, guard, store, session, old, now_us)
    if old == new:
        raise PasswordRefused(("it is the old one; choose another",))
    made = await prepare(passwords, store, session.account_id, new, now_us)
    actor = actor_id(session.account_id)
    async with store.change() as change:
        await guard.succeeded(change.connection, attempt, now_us)
        await store_hash(change, session.account_id, made, actor=actor, now_us=now_us)
        await sessions.end_all(
            change, session.account_id, why=PASSWORD_CHANGED, actor=actor, now_us=now_us, but=session.id
        )


async def give_again(
    passwords: Passwords, guard: Guard, store: Store, session: Session, password: str, now_us: int
) -> Attempt:
    """The right password of a session's account, given again within the limits on guessing: the caller takes the
    attempt back. Raises `SignInRefused`."""
    async with store.reading() as connection:
        holder = await account_list.by_id(connection, session.account_id)
    attempt = await guard.admit_again(holder, session, now_us)
    if not await verify(passwords, store, session.account_id, password):
        await guard.failed(attempt, now_us)
        raise SignInRefused
    return attempt


async def hash_of(connection: AsyncConnection, account_id: UUID) -> str | None:
    """The stored hash of an account; None where it has no password."""
    wanted = select(account_password.c.hash).where(account_password.c.account_id == account_id)
    return (await connection.execute(wanted)).scalar_one_or_none()


async def verify(passwords: Passwords, store: Store, account_id: UUID | None, password: str) -> bool:
    """Whether this is the password of an account; None is no account, and takes as long. Hashes it anew where its hash
    has older parameters: the password stays, so that is no change."""
    async with store.reading() as connection:
        hashed = await hash_of(connection, account_id or NO_ACCOUNT)
    found = await passwords.hashing.verify(hashed, password)
    if found.is_right and found.is_outdated:
        renewed = await passwords.hashing.hash(password)
        rows = account_password.c
        async with store.counting() as connection:
            # Not where it was changed meanwhile.
            same = update(account_password).where(rows.account_id == account_id, rows.hash == hashed)
            await connection.execute(same.values(hash=renewed))
    return found.is_right
