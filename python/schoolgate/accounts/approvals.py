"""Who may approve a request: an active account with an approving role in the scope, never the requester, and not within
24 hours of getting the role from the requester or of losing a second factor."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import APPROVING, Role, covers
from schoolgate.storage.schema import role_grant

WAIT_US = DAY_US


async def refuse_approver(
    connection: AsyncConnection,
    approver: UUID,
    requester: str,
    scope: str,
    *,
    now_us: int,
    roles: Collection[Role] = APPROVING,
) -> None:
    """Raises `ApprovalRefused` unless this account may approve what `requester` (an actor's name) asks in `scope`.

    A fresh second factor is the caller's question: `Session.is_fresh`.
    """
    if actor_id(approver) == requester:
        raise ApprovalRefused("the requester cannot approve the request; another person does")
    holder = await account_list.by_id(connection, approver)
    if not holder.is_active:
        raise ApprovalRefused("the account is disabled and approves nothing")
    if now_us < holder.approves_from_us:
        raise ApprovalRefused("the second factor of this account was reset; it approves again after 24 hours")
    rows = role_grant.c
    held = (
        await connection.execute(
            select(role_grant).where(
                rows.account_id == approver, rows.state == "active", rows.role.in_([str(one) for one in roles])
            )
        )
    ).all()
    held = [one for one in held if covers(one.scope, scope)]
    if not held:
        raise ApprovalRefused(f"this needs one of these roles in {scope}: {', '.join(sorted(roles))}")
    if all(requester in (one.requested_by, one.decided_by) and now_us - one.decided_us < WAIT_US for one in held):
        raise ApprovalRefused("the requester gave this account its role within 24 hours; another person approves")
