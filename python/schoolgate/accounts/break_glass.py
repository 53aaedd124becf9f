"""A sealed code for the day when no approver can sign in: one use, and every approver is alerted.

A head or a director has it made, prints it, seals it and puts it into a safe place. It opens one session of an account
of its own, `break-glass`, which has no password and no factor, and never gets one.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, approvals, grants, one_time_tokens, second_factors, sessions
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.errors import AccountRefused, TokenRefused
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.one_time_tokens import Purpose
from schoolgate.accounts.roles import APPROVES_GRANTS, APPROVING, TRUST, Role
from schoolgate.accounts.secrets_shown_once import code_hash, new_code
from schoolgate.accounts.sessions import Opened, Origin, Stage
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.schema import account, role_grant
from schoolgate.storage.store import Change, Store

LOGIN = account_list.BREAK_GLASS_LOGIN
METHOD = second_factors.BREAK_GLASS
CODE_OCTETS = 20
ALERTED_AT_LEAST = 2
# Enough to set up accounts, and to approve what another person asks for.
ROLES = (Role.network_manager, Role.trust_director)
SEALED, USED = "break_glass.sealed", "break_glass.used"


@dataclass(frozen=True)
class BreakGlassUsed:
    """The session that the code opened, and who has to be alerted at once: every approver."""

    opened: Opened
    alerted: tuple[Account, ...]


async def seal(change: Change, *, maker: UUID, now_us: int) -> str:
    """A new code in place of the old one, shown once. Raises `ApprovalRefused` unless a head or director makes it,
    `AccountRefused` where there are no two people to alert."""
    await approvals.refuse_approver(change.connection, maker, "", TRUST, now_us=now_us, roles=APPROVES_GRANTS)
    if (await account_list.by_id(change.connection, maker)).login == LOGIN:
        raise AccountRefused("the break-glass account cannot seal its next code; a head or a director does")
    if len(await _alerted(change.connection, change.site_id)) < ALERTED_AT_LEAST:
        raise AccountRefused("the code's use alerts two people; grant a second account an approving role first")
    code, actor = new_code(CODE_OCTETS), actor_id(maker)
    holder = await _account(change, actor, now_us)
    await one_time_tokens.store(
        change, Purpose.break_glass, code_hash(code), account_id=holder.id, expires_us=None, actor=actor, now_us=now_us
    )
    await sessions.end_all(change, holder.id, why="another code was sealed", actor=actor, now_us=now_us)
    await append(change, Event(now_us, actor, SEALED))
    return code


async def use(store: Store, code: str, origin: Origin, now_us: int) -> BreakGlassUsed:
    """Uses the code up and opens a session. The caller alerts. Raises `TokenRefused`."""
    async with store.change() as change:
        account_id = await one_time_tokens.use(change, Purpose.break_glass, code_hash(code), now_us)
        holder = None if account_id is None else await account_list.by_id(change.connection, account_id)
        if holder is None or not holder.is_active:
            raise TokenRefused("the account of the break-glass code is disabled; an administrator enables it")
        opened = await sessions.begin(
            change, holder.id, origin, stage=Stage.full, method=METHOD, now_us=now_us, factor_us=now_us
        )
        alerted = await _alerted(change.connection, store.site_id)
        detail = {"session": str(opened.session.id), "alerted": [str(one.id) for one in alerted]}
        personal = {"address": origin.address} if origin.address else {}
        await append(change, Event(now_us, actor_id(holder.id), USED, detail=detail, personal=personal))
    return BreakGlassUsed(opened, alerted)


async def is_right(store: Store, code: str, now_us: int) -> bool:
    """Whether it is the code that is sealed now. Uses nothing up."""
    async with store.reading() as connection:
        try:
            await one_time_tokens.look(connection, Purpose.break_glass, code_hash(code), now_us)
        except TokenRefused:
            return False
    return True


async def _alerted(connection: AsyncConnection, site_id: UUID) -> tuple[Account, ...]:
    """Every active account that approves, but the one of the code."""
    approving = (
        select(role_grant.c.account_id)
        .where(role_grant.c.state == GrantState.active, role_grant.c.role.in_([str(one) for one in APPROVING]))
        .scalar_subquery()
    )
    rows = account.c
    wanted = select(account).where(
        rows.site_id == site_id, rows.state == "active", rows.login_key != LOGIN, rows.id.in_(approving)
    )
    return tuple(account_list.account_of(row) for row in await connection.execute(wanted.order_by(rows.id)))


async def _account(change: Change, actor: str, now_us: int) -> Account:
    found = await account_list.find_login(change.connection, change.site_id, LOGIN)
    if found is not None:
        held = {one.role for one in await grants.active(change.connection, found.id)}
        if not found.is_active or not held.issuperset(ROLES):
            raise AccountRefused(
                f"the account {LOGIN!r} is disabled or lost its roles; enable it and approve them first"
            )
        return found
    made = await account_list.create(change, LOGIN, "Break glass", actor=actor, now_us=now_us, is_reserved=True)
    for role in ROLES:
        await grants.insert(change, made.id, role, TRUST, GrantState.active, actor=actor, now_us=now_us)
    return made
