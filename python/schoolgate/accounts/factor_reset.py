"""A lost second factor is removed by other people, and set up anew at the next sign-in.

For an account with a role of `GRANTED_BY_APPROVAL` it takes two, neither of them the requester; one of the two has an
approving role. The holder is informed, and approves nothing for 24 hours.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, approvals, grants, second_factors, sessions
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.errors import ApprovalRefused, FactorRefused
from schoolgate.accounts.roles import APPROVING, GRANTED_BY_APPROVAL, TRUST, Role
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import factor_reset
from schoolgate.storage.store import Change, Store

# A request that was not approved by then has lapsed.
LAPSES_US = 7 * DAY_US
WAIT_US = DAY_US
FACTOR_RESET = "the second factor was reset"
# Who may be one of the two.
MAY_AGREE = APPROVING | {Role.network_manager, Role.data_protection_officer}
REQUESTED, AGREED, RESET = "factor.reset_requested", "factor.reset_agreed", "factor.reset"


@dataclass(frozen=True)
class FactorReset:
    """A request, and who agreed so far. `state`: requested, or done."""

    id: UUID
    account_id: UUID
    state: str
    requested_by: str
    requested_us: int
    first_by: str | None
    second_by: str | None

    @property
    def is_done(self) -> bool:
        """Whether the factor is gone; inform the holder then."""
        return self.state == "done"


async def reset(change: Change, account_id: UUID, *, actor: str, now_us: int) -> Account:
    """Removes the factors of an account. Raises `FactorRefused` for one with a role of `GRANTED_BY_APPROVAL`."""
    await _refuse_own(account_id, actor)
    if await _has_role(change.connection, account_id, GRANTED_BY_APPROVAL):
        raise FactorRefused(
            "the account has a role that is granted by approval: its reset is a request to which two other people agree"
        )
    return await _remove(change, account_id, actor, now_us)


async def request(change: Change, account_id: UUID, *, actor: str, now_us: int) -> FactorReset:
    """Asks for a reset. Raises `FactorRefused`."""
    holder = await account_list.by_id(change.connection, account_id)
    await _refuse_own(account_id, actor)
    if not holder.is_active:
        raise FactorRefused(f"the account {holder.login!r} is disabled; enable it first")
    row = {"id": uuid7(now_us), "account_id": account_id, "requested_by": actor, "requested_us": now_us}
    await change.connection.execute(factor_reset.insert().values(site_id=change.site_id, state="requested", **row))
    await append(change, Event(now_us, actor, REQUESTED, detail={"account": str(account_id), "reset": str(row["id"])}))
    return await by_id(change.connection, UUID(str(row["id"])))


async def agree(change: Change, reset_id: UUID, *, approver: UUID, now_us: int) -> FactorReset:
    """One of the two agrees; with the second the factor is removed. Raises `ApprovalRefused`, `FactorRefused`."""
    asked = await by_id(change.connection, reset_id)
    actor = actor_id(approver)
    if asked.state != "requested" or now_us - asked.requested_us >= LAPSES_US:
        raise FactorRefused("this request was decided or has lapsed; ask again")
    await _refuse_approver(change.connection, asked, approver, now_us)
    detail = {"account": str(asked.account_id), "reset": str(reset_id)}
    await append(change, Event(now_us, actor, AGREED, detail=detail))
    if asked.first_by is None:
        await _write(change, reset_id, first_by=actor, first_us=now_us)
        return await by_id(change.connection, reset_id)
    await _write(change, reset_id, second_by=actor, second_us=now_us, state="done")
    await _remove(change, asked.account_id, actor, now_us)
    await account_list.set_columns(change.connection, asked.account_id, approves_from_us=now_us + WAIT_US)
    return await by_id(change.connection, reset_id)


async def waiting(store: Store, now_us: int) -> list[FactorReset]:
    """The requests that wait for an agreement, oldest first."""
    rows = factor_reset.c
    wanted = select(factor_reset).where(
        rows.site_id == store.site_id, rows.state == "requested", rows.requested_us > now_us - LAPSES_US
    )
    async with store.reading() as connection:
        return [_reset(row) for row in await connection.execute(wanted.order_by(rows.id))]


async def _refuse_own(account_id: UUID, actor: str) -> None:
    if actor == actor_id(account_id):
        raise FactorRefused("an account cannot have its own second factor reset; another administrator asks for it")


async def _refuse_approver(connection: AsyncConnection, asked: FactorReset, approver: UUID, now_us: int) -> None:
    if approver == asked.account_id:
        raise ApprovalRefused("the holder cannot agree to a reset of the own second factor")
    if actor_id(approver) == asked.first_by:
        raise ApprovalRefused("this account agreed already; another person is the second")
    roles = MAY_AGREE
    if asked.first_by is not None and not await _has_role(
        connection, account_list.account_id_of(asked.first_by), APPROVING
    ):
        roles = APPROVING  # one of the two does
    await approvals.refuse_approver(connection, approver, asked.requested_by, TRUST, now_us=now_us, roles=roles)


async def _remove(change: Change, account_id: UUID, actor: str, now_us: int) -> Account:
    holder = await account_list.by_id(change.connection, account_id)
    await second_factors.remove_all(change.connection, account_id)
    await append(change, Event(now_us, actor, RESET, detail={"account": str(account_id)}))
    await sessions.end_all(change, account_id, why=FACTOR_RESET, actor=actor, now_us=now_us)
    return holder


async def _has_role(connection: AsyncConnection, account_id: UUID, roles: Collection[Role]) -> bool:
    return any(one.role in roles for one in await grants.active(connection, account_id))


async def _write(change: Change, reset_id: UUID, **values: object) -> None:
    await change.connection.execute(update(factor_reset).where(factor_reset.c.id == reset_id).values(**values))


async def by_id(connection: AsyncConnection, reset_id: UUID) -> FactorReset:
    """One request. Raises `FactorRefused` where there is none."""
    row = (await connection.execute(select(factor_reset).where(factor_reset.c.id == reset_id))).one_or_none()
    if row is None:
        raise FactorRefused(f"there is no request {reset_id}")
    return _reset(row)


def _reset(row: Any) -> FactorReset:
    return FactorReset(**{name: getattr(row, name) for name in FactorReset.__dataclass_fields__})
