"""Roles given to accounts. One of `GRANTED_BY_APPROVAL` is a request first, which a head or director approves.

So no network manager alone makes a safeguarding lead, a head, a director or a data protection officer. A new holder
of an approving role approves nothing that its granters request for 24 hours. Whether the actor may grant at
all is the operations' rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, approvals, sessions, token_revocation
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import GrantRefused
from schoolgate.accounts.roles import APPROVES_GRANTS, GRANTED_BY_APPROVAL, Role, scope_of
from schoolgate.audit.event import Event, Outcome
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import role_grant
from schoolgate.storage.store import Change, Store

REQUESTED, GRANTED, REFUSED, ENDED = "role.requested", "role.granted", "role.refused", "role.ended"
ROLES_CHANGED = "the roles of the account changed"


class GrantState(StrEnum):
    """What became of a grant."""

    requested = "requested"
    active = "active"
    refused = "refused"
    ended = "ended"


@dataclass(frozen=True)
class Grant:
    """A role in a scope. `requested_by` and others name actors: an account's identifier or a local user."""

    id: UUID
    account_id: UUID
    role: Role
    scope: str
    state: GrantState
    requested_by: str
    requested_us: int
    decided_by: str | None
    decided_us: int | None
    reviewed_by: str | None
    reviewed_us: int | None

    @property
    def is_active(self) -> bool:
        """Whether the role holds."""
        return self.state is GrantState.active


async def grant(change: Change, account_id: UUID, role: Role, scope: str, *, actor: str, now_us: int) -> Grant:
    """Grants a role; one of `GRANTED_BY_APPROVAL` becomes a request. Raises `GrantRefused`, `NoSuchAccount`."""
    holder = await account_list.by_id(change.connection, account_id)
    scope = scope_of(scope)
    if actor == actor_id(account_id):
        raise GrantRefused("an account cannot grant a role to itself; another administrator does")
    if not holder.is_active:
        raise GrantRefused(f"the account {holder.login!r} is disabled; enable it first")
    await _refuse_twice(change.connection, account_id, role, scope)
    if role in GRANTED_BY_APPROVAL:
        return await insert(change, account_id, role, scope, GrantState.requested, actor=actor, now_us=now_us)
    made = await insert(change, account_id, role, scope, GrantState.active, actor=actor, now_us=now_us)
    await sessions.end_all(change, account_id, why=ROLES_CHANGED, actor=actor, now_us=now_us)
    return made


async def approve(change: Change, grant_id: UUID, *, approver: UUID, now_us: int) -> Grant:
    """Grants a requested role. Raises `ApprovalRefused`, `GrantRefused`."""
    asked = await _requested(change.connection, grant_id)
    await _refuse_approver(change.connection, asked, approver, now_us)
    return await _decide(change, asked, GrantState.active, GRANTED, approver, now_us)


async def refuse(change: Change, grant_id: UUID, *, approver: UUID, now_us: int) -> Grant:
    """Refuses a requested role. Raises `ApprovalRefused`, `GrantRefused`."""
    asked = await _requested(change.connection, grant_id)
    await _refuse_approver(change.connection, asked, approver, now_us)
    return await _decide(change, asked, GrantState.refused, REFUSED, approver, now_us)


async def end(change: Change, grant_id: UUID, *, actor: str, now_us: int) -> Grant:
    """Takes a role away, or a request back; the holder's sessions end. Raises `GrantRefused`."""
    found = await by_id(change.connection, grant_id)
    if found.state not in (GrantState.active, GrantState.requested):
        raise GrantRefused(f"this grant is {found.state} already")
    ended = {"state": GrantState.ended, "ended_by": actor, "ended_us": now_us}
    await change.connection.execute(update(role_grant).where(role_grant.c.id == grant_id).values(**ended))
    await append(change, _event(found, ENDED, actor, now_us))
    if found.is_active:
        await sessions.end_all(change, found.account_id, why=ROLES_CHANGED, actor=actor, now_us=now_us)
    return await by_id(change.connection, grant_id)


async def ask_again(change: Change, account_id: UUID, *, actor: str, now_us: int) -> int:
    """Makes the roles of `GRANTED_BY_APPROVAL` of an account requests again: it is being restored. Returns how many."""
    restored = [one for one in await active(change.connection, account_id) if one.role in GRANTED_BY_APPROVAL]
    for one in restored:
        await end(change, one.id, actor=actor, now_us=now_us)
        await insert(change, account_id, one.role, one.scope, GrantState.requested, actor=actor, now_us=now_us)
    return len(restored)


async def by_id(connection: AsyncConnection, grant_id: UUID) -> Grant:
    """One grant. Raises `GrantRefused` where there is none."""
    row = (await connection.execute(select(role_grant).where(role_grant.c.id == grant_id))).one_or_none()
    if row is None:
        raise GrantRefused(f"there is no grant {grant_id}; `schoolgate account list` shows roles and requests")
    return grant_of(row)


async def active(connection: AsyncConnection, account_id: UUID) -> list[Grant]:
    """The roles that an account holds, whether or not it is disabled."""
    rows = role_grant.c
    wanted = select(role_grant).where(rows.account_id == account_id, rows.state == GrantState.active)
    return [grant_of(row) for row in await connection.execute(wanted)]


async def open_grants(connection: AsyncConnection, account_id: UUID) -> list[Grant]:
    """What an account holds, and what was requested for it."""
    rows = role_grant.c
    is_open = rows.state.in_((GrantState.active, GrantState.requested))
    wanted = select(role_grant).where(rows.account_id == account_id, is_open)
    return [grant_of(row) for row in await connection.execute(wanted)]


async def all_grants(store: Store, *states: GrantState) -> list[Grant]:
    """The grants of the site in these states, oldest first."""
    rows = role_grant.c
    wanted = select(role_grant).where(rows.site_id == store.site_id, rows.state.in_(states)).order_by(rows.id)
    async with store.reading() as connection:
        return [grant_of(row) for row in await connection.execute(wanted)]


async def had_approver(change: Change) -> bool:
    """Whether a head or a director ever held the role here: then the first-run token makes no other one."""
    return await had_approver_at(change.connection, change.site_id)


async def had_approver_at(connection: AsyncConnection, site_id: UUID) -> bool:
    """The same, for a look."""
    rows = role_grant.c
    ever = select(rows.id).where(rows.site_id == site_id, rows.role.in_(APPROVES_GRANTS), rows.decided_us.is_not(None))
    return (await connection.execute(ever.limit(1))).first() is not None


async def insert(
    change: Change, account_id: UUID, role: Role, scope: str, state: GrantState, *, actor: str, now_us: int
) -> Grant:
    """Writes a grant and its entry, without asking whether it may be."""
    is_active = state is GrantState.active
    row = {
        "id": uuid7(now_us),
        "account_id": account_id,
        "role": role,
        "scope": scope,
        "state": state,
        "requested_by": actor,
        "requested_us": now_us,
        "decided_by": actor if is_active else None,
        "decided_us": now_us if is_active else None,
    }
    await change.connection.execute(role_grant.insert().values(site_id=change.site_id, **row))
    made = await by_id(change.connection, UUID(str(row["id"])))
    await append(change, _event(made, GRANTED if is_active else REQUESTED, actor, now_us))
    return made


def grant_of(row: Any) -> Grant:
    """A grant from its row."""
    values = {name: getattr(row, name) for name in Grant.__dataclass_fields__}
    return Grant(**values | {"role": Role(row.role), "state": GrantState(row.state)})


async def _requested(connection: AsyncConnection, grant_id: UUID) -> Grant:
    found = await by_id(connection, grant_id)
    if found.state is not GrantState.requested:
        raise GrantRefused(f"this grant is {found.state} already; nothing waits for a decision")
    holder = await account_list.by_id(connection, found.account_id)
    if not holder.is_active:
        raise GrantRefused(f"the account {holder.login!r} is disabled; enable it first")
    return found


async def _refuse_approver(connection: AsyncConnection, asked: Grant, approver: UUID, now_us: int) -> None:
    if approver == asked.account_id:
        raise GrantRefused("an account cannot decide on a role of its own; another head or director does")
    await approvals.refuse_approver(
        connection, approver, asked.requested_by, asked.scope, now_us=now_us, roles=APPROVES_GRANTS
    )


async def _decide(
    change: Change, asked: Grant, state: GrantState, operation: str, approver: UUID, now_us: int
) -> Grant:
    actor = actor_id(approver)
    decided = {"state": state, "decided_by": actor, "decided_us": now_us if state is GrantState.active else None}
    await change.connection.execute(update(role_grant).where(role_grant.c.id == asked.id).values(**decided))
    await append(change, _event(asked, operation, actor, now_us))
    if state is GrantState.active:
        await sessions.end_all(change, asked.account_id, why=ROLES_CHANGED, actor=actor, now_us=now_us)
        await token_revocation.revoke_all(change, asked.account_id, actor=actor, now_us=now_us)
    return await by_id(change.connection, asked.id)


async def _refuse_twice(connection: AsyncConnection, account_id: UUID, role: Role, scope: str) -> None:
    rows = role_grant.c
    open_states = (GrantState.active, GrantState.requested)
    same = select(rows.state).where(
        rows.account_id == account_id, rows.role == role, rows.scope == scope, rows.state.in_(open_states)
    )
    if (state := (await connection.execute(same)).scalars().first()) is not None:
        raise GrantRefused(f"the account has {role} in {scope} already ({state})")


def _event(one: Grant, operation: str, actor: str, now_us: int) -> Event:
    detail = {"account": str(one.account_id), "grant": str(one.id), "role": one.role.value}
    outcome = Outcome.refused if operation == REFUSED else Outcome.done
    return Event(now_us, actor, operation, one.scope, outcome, detail)
