"""A link by which a person chooses a password: the first one, or one in place of a forgotten one.

Another administrator has it made, for 60 minutes and one use. It chooses no password and lifts no second factor.
Opening it shows a form and uses nothing up; sending the form does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, grants, guessing, one_time_tokens, passwords, second_factors, sessions
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.account_settings import HOUR_US
from schoolgate.accounts.errors import AccountRefused, TokenRefused
from schoolgate.accounts.one_time_tokens import Purpose
from schoolgate.accounts.passwords import PASSWORD_CHANGED, Passwords
from schoolgate.accounts.roles import GRANTED_BY_APPROVAL
from schoolgate.accounts.secrets_shown_once import new_token, token_hash
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.store import Change, Store

LIFE_US = HOUR_US
ISSUED, USED = "account.reset_link_made", "account.reset_link_used"


@dataclass(frozen=True)
class ResetLink:
    """The account, and the token of its link, which is shown once."""

    account: Account
    expires_us: int
    token: str = field(repr=False)


async def issue(change: Change, account: Account, *, actor: str, now_us: int) -> ResetLink:
    """Makes a link for an active account. Raises `AccountRefused`: also to the account itself."""
    holder = await account_list.by_id(change.connection, account.id)
    if actor == actor_id(holder.id):
        raise AccountRefused("a forgotten password is reset by another administrator; who knows it changes it")
    account_list.refuse_break_glass(holder)
    if not holder.is_active:
        raise AccountRefused(f"the account {holder.login!r} is disabled; enable it first")
    await _refuse_take_over(change.connection, holder)
    token, expires_us = new_token(), now_us + LIFE_US
    await one_time_tokens.store(
        change,
        Purpose.reset,
        token_hash(token),
        account_id=holder.id,
        expires_us=expires_us,
        actor=actor,
        now_us=now_us,
    )
    detail = {"account": str(holder.id), "expires_us": expires_us}
    await append(change, Event(now_us, actor, ISSUED, detail=detail))
    return ResetLink(holder, expires_us, token)


async def look(store: Store, token: str, now_us: int) -> Account:
    """Whose password the link sets; nothing is used up. Raises `TokenRefused`."""
    async with store.reading() as connection:
        return await _holder(connection, token, now_us)


async def use(store: Store, rules: Passwords, token: str, new: str, now_us: int) -> Account:
    """Sets the password and uses the link up; every session ends, and failures to sign in are forgotten.

    Raises `TokenRefused`, `PasswordRefused`; the link stays then.
    """
    holder = await look(store, token, now_us)
    hashed = await passwords.prepare(rules, store, holder.id, new, now_us)
    actor = actor_id(holder.id)
    async with store.change() as change:
        await _holder(change.connection, token, now_us)
        await one_time_tokens.use(change, Purpose.reset, token_hash(token), now_us)
        await append(change, Event(now_us, actor, USED, detail={"account": str(holder.id)}))
        await passwords.store_hash(change, holder.id, hashed, actor=actor, now_us=now_us)
        await sessions.end_all(change, holder.id, why=PASSWORD_CHANGED, actor=actor, now_us=now_us)
        await guessing.forgive(change.connection, holder.id)
    return holder


async def _holder(connection: AsyncConnection, token: str, now_us: int) -> Account:
    account_id = await one_time_tokens.look(connection, Purpose.reset, token_hash(token), now_us)
    if account_id is None:
        raise TokenRefused("the link belongs to no account; have another one made")
    holder = await account_list.by_id(connection, account_id)
    if not holder.is_active:
        raise TokenRefused("the account is disabled; an administrator enables it first")
    return holder


async def _refuse_take_over(connection: AsyncConnection, holder: Account) -> None:
    """Without a second factor the link alone opens the account: refuses it for roles of `GRANTED_BY_APPROVAL`."""
    is_guarded = any(one.role in GRANTED_BY_APPROVAL for one in await grants.active(connection, holder.id))
    if is_guarded and not (await second_factors.factors_of(connection, holder.id)).has_any:
        raise AccountRefused(
            f"the account {holder.login!r} has a role that is granted by approval and no second factor, so its link"
            " alone would give the role away; end the role, have the link used, and ask for the role again"
        )
