"""Acts on accounts of others, and says what came of it: the accounts library's administration, as results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from schoolgate.accounts import first_run
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.administration import Administration, Listed
from schoolgate.accounts.factor_reset import FactorReset
from schoolgate.accounts.grants import Grant
from schoolgate.accounts.reset_links import ResetLink
from schoolgate.accounts.roles import Role
from schoolgate.operations.account_notices import Notices
from schoolgate.operations.account_results import (
    AccountShown,
    AccountStopped,
    ApiTokenMade,
    ApiTokenShown,
    FactorResetShown,
    FactorsShown,
    GrantShown,
    LinkMade,
    RequestsShown,
    ReviewShown,
    RoleRequest,
    SetupToken,
)
from schoolgate.operations.actor import local_name
from schoolgate.operations.caller import Caller
from schoolgate.operations.own_services import own_session, token_shown
from schoolgate.operations.session_results import OwnSession
from schoolgate.storage.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class AdministrationServices:
    """One method an operation; it raises what the library raises."""

    store: Store
    notices: Notices

    async def accounts(self, caller: Caller, now_us: int) -> tuple[AccountShown, ...]:
        """Every account."""
        return tuple(map(_listed, await self._by(caller, now_us).accounts()))

    async def create(self, caller: Caller, login: str, display_name: str, mail: str | None, now_us: int) -> LinkMade:
        """Makes one."""
        return _link(await self._by(caller, now_us).create(login, display_name, mail))

    async def disable(self, caller: Caller, login: str, now_us: int) -> AccountStopped:
        """Disables one."""
        done = await self._by(caller, now_us).disable(login)
        return AccountStopped(done.account.login, done.sessions, done.tokens)

    async def enable(self, caller: Caller, login: str, now_us: int) -> int:
        """Enables one."""
        return await self._by(caller, now_us).enable(login)

    async def compromise(self, caller: Caller, login: str, now_us: int) -> AccountStopped:
        """Takes one for compromised, and informs its holder."""
        done = await self._by(caller, now_us).compromise(login)
        await self.notices.compromised(done.account, now_us)
        return AccountStopped(done.account.login, done.sessions, done.tokens)

    async def grant(self, caller: Caller, login: str, role: Role, scope: str, now_us: int) -> GrantShown:
        """Grants a role, or asks for it."""
        return grant_shown(await self._by(caller, now_us).grant(login, role, scope))

    async def end_role(self, caller: Caller, login: str, role: Role, scope: str, now_us: int) -> GrantShown:
        """Ends a role, or takes its request back."""
        return grant_shown(await self._by(caller, now_us).end_role(login, role, scope))

    async def reset_password(self, caller: Caller, login: str, now_us: int) -> LinkMade:
        """Makes a link."""
        return _link(await self._by(caller, now_us).reset_password(login))

    async def reset_factor(self, caller: Caller, login: str, now_us: int) -> FactorResetShown | None:
        """Removes a factor and informs its holder, or asks for it."""
        holder, asked = await self._by(caller, now_us).reset_factor(login)
        if asked is not None:
            return _reset(asked, holder)
        await self.notices.factor_was_reset(holder, now_us)
        return None

    async def link(
        self, caller: Caller, login: str, issuer: str, subject: str, directory_id: str | None, now_us: int
    ) -> AccountShown:
        """Links an identity."""
        acting = self._by(caller, now_us)
        linked = await acting.link_identity(login, issuer, subject, directory_id)
        return next(_listed(one) for one in await acting.accounts() if one.account.id == linked.id)

    async def sessions(self, caller: Caller, login: str, now_us: int) -> tuple[OwnSession, ...]:
        """Its sessions."""
        return tuple(own_session(one, None) for one in await self._by(caller, now_us).sessions(login))

    async def end_sessions(self, caller: Caller, login: str, now_us: int) -> int:
        """Ends them."""
        return await self._by(caller, now_us).end_sessions(login)

    async def reviews(self, caller: Caller, now_us: int) -> tuple[ReviewShown, ...]:
        """Each role that is held."""
        return tuple(
            ReviewShown(
                one.account.login,
                one.account.state.value,
                grant_shown(one.grant),
                one.due_us,
                one.is_due(now_us),
                one.is_overdue(now_us),
            )
            for one in await self._by(caller, now_us).reviews()
        )

    async def confirm(self, caller: Caller, grant_id: UUID, now_us: int) -> GrantShown:
        """Confirms one."""
        _, found = await self._by(caller, now_us).confirm_role(grant_id)
        return grant_shown(found)

    async def tokens(self, caller: Caller, login: str, now_us: int) -> tuple[ApiTokenShown, ...]:
        """Its API tokens."""
        return tuple(token_shown(one) for one in await self._by(caller, now_us).tokens(login))

    async def make_token(
        self, caller: Caller, login: str, label: str, scopes: Sequence[str], days: int, now_us: int
    ) -> ApiTokenMade:
        """Makes one."""
        made = await self._by(caller, now_us).make_token(login, label, scopes, days)
        return ApiTokenMade(token_shown(made.token), made.secret)

    async def revoke_token(self, caller: Caller, login: str, token_id: UUID, now_us: int) -> bool:
        """Revokes one."""
        await self._by(caller, now_us).revoke_token(login, token_id)
        return True

    async def requests(self, caller: Caller, now_us: int) -> RequestsShown:
        """What waits."""
        found = await self._by(caller, now_us).requests()
        return RequestsShown(
            tuple(_request(one, found.holders) for one in found.grants),
            tuple(_reset(one, found.holders[one.account_id]) for one in found.resets),
        )

    async def approve(self, caller: Caller, grant_id: UUID, now_us: int) -> GrantShown:
        """Grants what was asked."""
        return grant_shown(await self._by(caller, now_us).approve(grant_id))

    async def refuse(self, caller: Caller, grant_id: UUID, now_us: int) -> GrantShown:
        """Refuses it."""
        return grant_shown(await self._by(caller, now_us).refuse(grant_id))

    async def agree_reset(self, caller: Caller, reset_id: UUID, now_us: int) -> FactorResetShown:
        """Agrees; informs the holder once the factor is gone."""
        holder, found = await self._by(caller, now_us).agree_reset(reset_id)
        if found.is_done:
            await self.notices.factor_was_reset(holder, now_us)
        return _reset(found, holder)

    async def seal_break_glass(self, caller: Caller, now_us: int) -> str:
        """The new code."""
        return await self._by(caller, now_us).seal_break_glass()

    async def write_setup_token(self, caller: Caller, folder: Path, now_us: int) -> SetupToken:
        """Writes the token of the first run."""
        path = folder / first_run.FILE_NAME
        return SetupToken(str(path), await self._by(caller, now_us).write_setup_token(path))

    def _by(self, caller: Caller, now_us: int) -> Administration:
        return Administration(self.store, caller.actor.id, now_us, local_name)


def grant_shown(one: Grant) -> GrantShown:
    """A grant as a result."""
    return _same(GrantShown, one, role=one.role.value, state=one.state.value)


def _listed(one: Listed) -> AccountShown:
    return _same(
        AccountShown,
        one.account,
        state=one.account.state.value,
        grants=tuple(map(grant_shown, one.grants)),
        factors=_same(FactorsShown, one.factors),
    )


def _link(made: ResetLink) -> LinkMade:
    return LinkMade(made.account.login, made.account.display_name, made.expires_us, made.token)


def _request(one: Grant, holders: Mapping[UUID, Account]) -> RoleRequest:
    holder = holders[one.account_id]
    return RoleRequest(holder.login, holder.display_name, grant_shown(one))


def _reset(one: FactorReset, holder: Account) -> FactorResetShown:
    return _same(FactorResetShown, one, login=holder.login)


def _same(kind: type[T], one: object, **more: Any) -> T:
    """A result from the library's value with fields of the same names."""
    names = [field.name for field in fields(kind) if field.name not in more]  # type: ignore[arg-type]
    return kind(**{name: getattr(one, name) for name in names}, **more)
