"""What a user of this machine may do with accounts: make, list, disable, grant, reset. Values come back.

Each opens and closes the store itself. Approving is not here: it needs an account that is signed in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from schoolgate.accounts import (
    access_review,
    account_list,
    account_state,
    api_tokens,
    factor_reset,
    first_run,
    grants,
    reset_links,
    second_factors,
    sessions,
)
from schoolgate.accounts.access_review import Reviewed
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.account_state import Stopped
from schoolgate.accounts.api_tokens import ApiToken, NewApiToken
from schoolgate.accounts.errors import FactorRefused, GrantRefused
from schoolgate.accounts.factor_reset import FactorReset
from schoolgate.accounts.grants import Grant, GrantState
from schoolgate.accounts.reset_links import ResetLink
from schoolgate.accounts.roles import Role
from schoolgate.accounts.second_factors import Factors
from schoolgate.accounts.sessions import Session
from schoolgate.storage.store import Change, Store


@dataclass(frozen=True)
class At:
    """The store, who acts, and when (microseconds UTC)."""

    store: Path | str
    actor: str
    now_us: int


@dataclass(frozen=True)
class Listed:
    """An account with its roles, held and requested, and its second factors."""

    account: Account
    grants: tuple[Grant, ...]
    factors: Factors


async def list_accounts(at: At) -> list[Listed]:
    """Every account, by login name."""
    async with await _opened(at) as store:
        held = await grants.all_grants(store, GrantState.active, GrantState.requested)
        found = []
        for one in await account_list.all_accounts(store):
            async with store.reading() as connection:
                factors = await second_factors.factors_of(connection, one.id)
            found.append(Listed(one, tuple(grant for grant in held if grant.account_id == one.id), factors))
        return found


async def create(at: At, login: str, display_name: str, mail: str | None) -> ResetLink:
    """Makes an account and the link by which its person chooses a password. Raises `AccountRefused`."""
    async with _changing(at) as change:
        made = await account_list.create(change, login, display_name, mail=mail, actor=at.actor, now_us=at.now_us)
        return await reset_links.issue(change, made, actor=at.actor, now_us=at.now_us)


async def disable(at: At, login: str) -> Stopped:
    """Raises `AccountRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        return await account_state.disable(change, found.id, actor=at.actor, now_us=at.now_us)


async def enable(at: At, login: str) -> int:
    """How many roles have to be approved again. Raises `AccountRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        return await account_state.enable(change, found.id, actor=at.actor, now_us=at.now_us)


async def compromise(at: At, login: str) -> Stopped:
    """Raises `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        return await account_state.compromise(change, found.id, actor=at.actor, now_us=at.now_us)


async def grant(at: At, login: str, role: Role, scope: str) -> Grant:
    """Raises `GrantRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        return await grants.grant(change, found.id, role, scope, actor=at.actor, now_us=at.now_us)


async def end_role(at: At, login: str, role: Role, scope: str) -> Grant:
    """Ends a role, or takes its request back. Raises `GrantRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        for one in await grants.open_grants(change.connection, found.id):
            if (one.role, one.scope) == (role, scope):
                return await grants.end(change, one.id, actor=at.actor, now_us=at.now_us)
        raise GrantRefused(
            f"{found.login!r} has no role {role} in {scope}; `schoolgate account list` shows what it has"
        )


async def reset_password(at: At, login: str) -> ResetLink:
    """Raises `AccountRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        return await reset_links.issue(change, await _account(change, login), actor=at.actor, now_us=at.now_us)


async def reset_factor(at: At, login: str) -> FactorReset | None:
    """Removes the second factor, or asks for it where a role is granted by approval: then the request comes back."""
    async with _changing(at) as change:
        found = await _account(change, login)
        try:
            await factor_reset.reset(change, found.id, actor=at.actor, now_us=at.now_us)
        except FactorRefused:
            return await factor_reset.request(change, found.id, actor=at.actor, now_us=at.now_us)
        return None


async def make_token(at: At, login: str, label: str, scopes: Sequence[str], days: int) -> NewApiToken:
    """Raises `AccountRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        expires_us = at.now_us + days * DAY_US
        return await api_tokens.make(change, found.id, label, scopes, expires_us, actor=at.actor, now_us=at.now_us)


async def list_tokens(at: At, login: str) -> list[ApiToken]:
    """Raises `NoSuchAccount`."""
    async with await _opened(at) as store:
        return await api_tokens.own_tokens(store, (await _known(store, login)).id, at.now_us)


async def revoke_token(at: At, login: str, token_id: UUID) -> None:
    """Raises `TokenRefused`, `NoSuchAccount`."""
    async with _changing(at) as change:
        found = await _account(change, login)
        await api_tokens.revoke(change, found.id, token_id, actor=at.actor, now_us=at.now_us)


async def list_sessions(at: At, login: str) -> list[Session]:
    """Raises `NoSuchAccount`."""
    async with await _opened(at) as store:
        return await sessions.own_sessions(store, (await _known(store, login)).id, at.now_us)


async def end_sessions(at: At, login: str) -> int:
    """How many there were. Raises `NoSuchAccount`."""
    async with await _opened(at) as store:
        found = await _known(store, login)
        if not await sessions.own_sessions(store, found.id, at.now_us):
            return 0
        async with store.change() as change:
            return await sessions.end_all(
                change, found.id, why="an administrator ended it", actor=at.actor, now_us=at.now_us
            )


async def reviews(at: At) -> list[Reviewed]:
    """Every role that is held, the longest unreviewed first."""
    async with await _opened(at) as store:
        return await access_review.all_reviews(store)


async def confirm_role(at: At, grant_id: UUID) -> Grant:
    """Raises `GrantRefused`."""
    async with _changing(at) as change:
        return await access_review.confirm(change, grant_id, actor=at.actor, now_us=at.now_us)


async def write_setup_token(at: At, path: Path) -> int:
    """When it expires. Raises `AccountRefused`, `TokenRefused`."""
    async with _changing(at) as change:
        return await first_run.write_token(change, path, actor=at.actor, now_us=at.now_us)


async def _opened(at: At) -> Store:
    """Makes the store where there is none; never migrates one, which the control process does."""
    is_new = isinstance(at.store, Path) and not at.store.exists()
    return await Store.open(at.store, now_us=at.now_us, is_owner=is_new)


@asynccontextmanager
async def _changing(at: At) -> AsyncIterator[Change]:
    async with await _opened(at) as store, store.change() as change:
        yield change


async def _account(change: Change, login: str) -> Account:
    return await account_list.by_login(change.connection, change.site_id, login)


async def _known(store: Store, login: str) -> Account:
    async with store.reading() as connection:
        return await account_list.by_login(connection, store.site_id, login)
