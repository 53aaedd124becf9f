"""What an actor does with accounts of others: make, disable, grant, reset, review. One place acts, for every caller.

Who may do it at all is the operations' question; what no one may is refused here and below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from schoolgate.accounts import (
    access_review,
    account_list,
    account_state,
    api_tokens,
    break_glass,
    factor_reset,
    first_run,
    grants,
    linked_identities,
    reset_links,
    second_factors,
    sessions,
)
from schoolgate.accounts.access_review import Reviewed
from schoolgate.accounts.account_list import Account, account_id_of
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.account_state import Stopped
from schoolgate.accounts.api_tokens import ApiToken, NewApiToken
from schoolgate.accounts.errors import ApprovalRefused, FactorRefused, GrantRefused
from schoolgate.accounts.factor_reset import FactorReset
from schoolgate.accounts.grants import Grant, GrantState
from schoolgate.accounts.reset_links import ResetLink
from schoolgate.accounts.roles import Role
from schoolgate.accounts.second_factors import Factors
from schoolgate.accounts.sessions import Session
from schoolgate.storage.store import Change, Store


@dataclass(frozen=True)
class Listed:
    """An account with its roles, held and requested, and its second factors."""

    account: Account
    grants: tuple[Grant, ...]
    factors: Factors


@dataclass(frozen=True)
class Requests:
    """What waits for a decision: roles, and resets of second factors; with the accounts that they are about."""

    grants: tuple[Grant, ...]
    resets: tuple[FactorReset, ...]
    holders: dict[UUID, Account]


@dataclass(frozen=True)
class Administration:
    """The store, who acts, and when (microseconds UTC). `local_name_of`: the name of an actor that is a user of this
    machine; empty for others."""

    store: Store
    actor: str
    now_us: int
    local_name_of: Callable[[str], str] = lambda _: ""

    async def accounts(self) -> list[Listed]:
        """Every account, by login name."""
        held = await grants.all_grants(self.store, GrantState.active, GrantState.requested)
        found = []
        for one in await account_list.all_accounts(self.store):
            async with self.store.reading() as connection:
                factors = await second_factors.factors_of(connection, one.id)
            found.append(Listed(one, tuple(grant for grant in held if grant.account_id == one.id), factors))
        return found

    async def create(self, login: str, display_name: str, mail: str | None) -> ResetLink:
        """Makes an account and the link by which its person chooses a password. Raises `AccountRefused`."""
        async with self.store.change() as change:
            made = await account_list.create(
                change, login, display_name, mail=mail, actor=self.actor, now_us=self.now_us
            )
            return await reset_links.issue(change, made, actor=self.actor, now_us=self.now_us)

    async def disable(self, login: str) -> Stopped:
        """Raises `AccountRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            return await account_state.disable(change, found.id, actor=self.actor, now_us=self.now_us)

    async def enable(self, login: str) -> int:
        """How many roles have to be approved again. Raises `AccountRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            return await account_state.enable(change, found.id, actor=self.actor, now_us=self.now_us)

    async def compromise(self, login: str) -> Stopped:
        """Raises `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            return await account_state.compromise(change, found.id, actor=self.actor, now_us=self.now_us)

    async def grant(self, login: str, role: Role, scope: str) -> Grant:
        """Raises `GrantRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            return await grants.grant(change, found.id, role, scope, actor=self.actor, now_us=self.now_us)

    async def end_role(self, login: str, role: Role, scope: str) -> Grant:
        """Ends a role, or takes its request back. Raises `GrantRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            for one in await grants.open_grants(change.connection, found.id):
                if (one.role, one.scope) == (role, scope):
                    return await grants.end(change, one.id, actor=self.actor, now_us=self.now_us)
            raise GrantRefused(
                f"{found.login!r} has no role {role} in {scope}; `schoolgate account list` shows what it has"
            )

    async def reset_password(self, login: str) -> ResetLink:
        """Raises `AccountRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            return await reset_links.issue(change, found, actor=self.actor, now_us=self.now_us)

    async def reset_factor(self, login: str) -> tuple[Account, FactorReset | None]:
        """Removes the second factor, or asks for it where a role is granted by approval: then with the request."""
        async with self.store.change() as change:
            found = await _account(change, login)
            try:
                await factor_reset.reset(change, found.id, actor=self.actor, now_us=self.now_us)
            except FactorRefused:
                return found, await factor_reset.request(change, found.id, actor=self.actor, now_us=self.now_us)
            return found, None

    async def link_identity(self, login: str, issuer: str, subject: str, directory_id: str | None) -> Account:
        """Makes an identity of a provider the account's. Raises `AccountRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            await linked_identities.link(
                change, found.id, issuer, subject, directory_id, actor=self.actor, now_us=self.now_us
            )
            return found

    async def requests(self) -> Requests:
        """What waits for a decision, oldest first."""
        asked = await grants.all_grants(self.store, GrantState.requested)
        resets = await factor_reset.waiting(self.store, self.now_us)
        holders = {one.id: one for one in await account_list.all_accounts(self.store)}
        return Requests(tuple(asked), tuple(resets), holders)

    async def approve(self, grant_id: UUID) -> Grant:
        """Grants a requested role. Raises `ApprovalRefused`, `GrantRefused`."""
        async with self.store.change() as change:
            asked = await grants.by_id(change.connection, grant_id)
            await self._refuse_same_person(change, asked.requested_by)
            return await grants.approve(change, grant_id, approver=account_id_of(self.actor), now_us=self.now_us)

    async def refuse(self, grant_id: UUID) -> Grant:
        """Refuses a requested role. Raises `ApprovalRefused`, `GrantRefused`."""
        async with self.store.change() as change:
            return await grants.refuse(change, grant_id, approver=account_id_of(self.actor), now_us=self.now_us)

    async def agree_reset(self, reset_id: UUID) -> tuple[Account, FactorReset]:
        """One of the two agrees. Raises `ApprovalRefused`, `FactorRefused`."""
        async with self.store.change() as change:
            asked = await factor_reset.by_id(change.connection, reset_id)
            await self._refuse_same_person(change, asked.requested_by)
            found = await factor_reset.agree(change, reset_id, approver=account_id_of(self.actor), now_us=self.now_us)
            return await account_list.by_id(change.connection, found.account_id), found

    async def seal_break_glass(self) -> str:
        """The new code. Raises `ApprovalRefused`, `AccountRefused`."""
        async with self.store.change() as change:
            return await break_glass.seal(change, maker=account_id_of(self.actor), now_us=self.now_us)

    async def make_token(self, login: str, label: str, scopes: Sequence[str], days: int) -> NewApiToken:
        """Raises `AccountRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            expires_us = self.now_us + days * DAY_US
            return await api_tokens.make(
                change, found.id, label, scopes, expires_us, actor=self.actor, now_us=self.now_us
            )

    async def tokens(self, login: str) -> list[ApiToken]:
        """Raises `NoSuchAccount`."""
        return await api_tokens.own_tokens(self.store, (await self.known(login)).id, self.now_us)

    async def revoke_token(self, login: str, token_id: UUID) -> None:
        """Raises `TokenRefused`, `NoSuchAccount`."""
        async with self.store.change() as change:
            found = await _account(change, login)
            await api_tokens.revoke(change, found.id, token_id, actor=self.actor, now_us=self.now_us)

    async def sessions(self, login: str) -> list[Session]:
        """Raises `NoSuchAccount`."""
        return await sessions.own_sessions(self.store, (await self.known(login)).id, self.now_us)

    async def end_sessions(self, login: str) -> int:
        """How many there were. Raises `NoSuchAccount`."""
        found = await self.known(login)
        if not await sessions.own_sessions(self.store, found.id, self.now_us):
            return 0
        async with self.store.change() as change:
            return await sessions.end_all(
                change, found.id, why="an administrator ended it", actor=self.actor, now_us=self.now_us
            )

    async def reviews(self) -> list[Reviewed]:
        """Every role that is held, the longest unreviewed first."""
        return await access_review.all_reviews(self.store)

    async def confirm_role(self, grant_id: UUID) -> tuple[Account, Grant]:
        """Raises `GrantRefused`."""
        async with self.store.change() as change:
            found = await access_review.confirm(change, grant_id, actor=self.actor, now_us=self.now_us)
            return await account_list.by_id(change.connection, found.account_id), found

    async def write_setup_token(self, path: Path) -> int:
        """When it expires. Raises `AccountRefused`, `TokenRefused`."""
        async with self.store.change() as change:
            return await first_run.write_token(change, path, actor=self.actor, now_us=self.now_us)

    async def known(self, login: str) -> Account:
        """The account with a login name. Raises `NoSuchAccount`, with names that are alike."""
        async with self.store.reading() as connection:
            return await account_list.by_login(connection, self.store.site_id, login)

    async def _refuse_same_person(self, change: Change, requester: str) -> None:
        """A person may have a user on this machine and an account, which are two actors: the same name gives it away.
        Under another name, as root, only the audit log shows it."""
        local_name = self.local_name_of(requester)
        own = await account_list.by_id(change.connection, account_id_of(self.actor))
        if local_name and account_list.login_key(local_name) == account_list.login_key(own.login):
            raise ApprovalRefused(
                f"the user {local_name} of this machine asked for it, and this account has the same name; another"
                " person approves"
            )


async def _account(change: Change, login: str) -> Account:
    return await account_list.by_login(change.connection, change.site_id, login)
