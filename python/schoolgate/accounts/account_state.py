"""An account disabled, enabled, or taken for compromised: what else ends with it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, update

from schoolgate.accounts import account_list, grants, sessions, token_revocation
from schoolgate.accounts.account_list import Account, State, actor_id
from schoolgate.accounts.errors import AccountRefused
from schoolgate.accounts.one_time_tokens import Purpose
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.schema import known_device, one_time_token
from schoolgate.storage.store import Change

DISABLED, ENABLED, COMPROMISED = "account.disabled", "account.enabled", "account.compromised"


@dataclass(frozen=True)
class Stopped:
    """What was ended with an account. After a compromise, alert its holder and an approver."""

    account: Account
    sessions: int
    tokens: int


async def disable(change: Change, account_id: UUID, *, actor: str, now_us: int, why: str = "") -> Stopped:
    """Disables an account at once: no sign-in, no session, no token. Raises `AccountRefused`, `NoSuchAccount`."""
    found = await account_list.by_id(change.connection, account_id)
    if not found.is_active:
        raise AccountRefused(f"the account {found.login!r} is disabled already")
    if actor == actor_id(account_id):
        raise AccountRefused("an account cannot disable itself; another administrator does")
    await account_list.set_columns(change.connection, account_id, state=State.disabled, disabled_us=now_us)
    detail = {"account": str(account_id)} | ({"why": why} if why else {})
    await append(change, Event(now_us, actor, DISABLED, detail=detail))
    return await _stop(change, account_id, "the account was disabled", actor, now_us)


async def enable(change: Change, account_id: UUID, *, actor: str, now_us: int) -> int:
    """Enables an account. Roles granted by approval become requests; returns how many. Raises `AccountRefused`."""
    found = await account_list.by_id(change.connection, account_id)
    if found.is_active:
        raise AccountRefused(f"the account {found.login!r} is active already")
    await account_list.set_columns(change.connection, account_id, state=State.active, disabled_us=None)
    await append(change, Event(now_us, actor, ENABLED, detail={"account": str(account_id)}))
    return await grants.ask_again(change, account_id, actor=actor, now_us=now_us)


async def compromise(change: Change, account_id: UUID, *, actor: str, now_us: int) -> Stopped:
    """Takes an account for compromised: ends its sessions, revokes tokens, links and known devices, and has it change
    its password at the next sign-in. The account may do this itself. Raises `NoSuchAccount`."""
    await account_list.by_id(change.connection, account_id)
    await account_list.set_columns(change.connection, account_id, must_change_password=True)
    await append(change, Event(now_us, actor, COMPROMISED, detail={"account": str(account_id)}))
    return await _stop(change, account_id, "the account was compromised", actor, now_us)


async def _stop(change: Change, account_id: UUID, why: str, actor: str, now_us: int) -> Stopped:
    ended = await sessions.end_all(change, account_id, why=why, actor=actor, now_us=now_us)
    revoked = await token_revocation.revoke_all(change, account_id, actor=actor, now_us=now_us)
    await change.connection.execute(delete(known_device).where(known_device.c.account_id == account_id))
    links = one_time_token.c
    # The sealed code stays: only its use, which alerts, and another code make it worthless.
    open_links = (links.account_id == account_id, links.used_us.is_(None), links.purpose != Purpose.break_glass)
    await change.connection.execute(update(one_time_token).where(*open_links).values(used_us=now_us))
    return Stopped(await account_list.by_id(change.connection, account_id), ended, revoked)
