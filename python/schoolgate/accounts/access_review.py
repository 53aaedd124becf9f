"""The quarterly review of access: each role is confirmed by another person, or removed (`grants.end`)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update

from schoolgate.accounts import grants
from schoolgate.accounts.account_list import Account, account_of, actor_id
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.errors import GrantRefused
from schoolgate.accounts.grants import Grant, GrantState
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.schema import account, role_grant
from schoolgate.storage.store import Change, Store

QUARTER_US = 91 * DAY_US
# How long after it is due a review is overdue, which Home and the reports say.
OVERDUE_AFTER_US = 14 * DAY_US
CONFIRMED = "role.confirmed"


@dataclass(frozen=True)
class Reviewed:
    """A role that is held, its holder, and when it is to be reviewed."""

    grant: Grant
    account: Account
    due_us: int

    def is_due(self, now_us: int) -> bool:
        """Whether it is to be reviewed now."""
        return now_us >= self.due_us

    def is_overdue(self, now_us: int) -> bool:
        """Whether the review is late by two weeks and more."""
        return now_us >= self.due_us + OVERDUE_AFTER_US


async def all_reviews(store: Store) -> list[Reviewed]:
    """Every role that is held, also by disabled accounts, the longest unreviewed first."""
    held = select(role_grant).where(role_grant.c.site_id == store.site_id, role_grant.c.state == GrantState.active)
    async with store.reading() as connection:
        accounts = await connection.execute(select(account).where(account.c.site_id == store.site_id))
        holders = {row.id: account_of(row) for row in accounts}
        found = [grants.grant_of(row) for row in await connection.execute(held)]
    reviews = [Reviewed(one, holders[one.account_id], _due_us(one)) for one in found]
    return sorted(reviews, key=lambda one: one.due_us)


async def confirm(change: Change, grant_id: UUID, *, actor: str, now_us: int) -> Grant:
    """Confirms a role for another quarter. Raises `GrantRefused`: also to its holder."""
    found = await grants.by_id(change.connection, grant_id)
    if not found.is_active:
        raise GrantRefused(f"this grant is {found.state}; only a role that is held is reviewed")
    if actor == actor_id(found.account_id):
        raise GrantRefused("an account cannot confirm its own role; another person does")
    reviewed = update(role_grant).where(role_grant.c.id == grant_id).values(reviewed_by=actor, reviewed_us=now_us)
    await change.connection.execute(reviewed)
    detail = {"account": str(found.account_id), "grant": str(grant_id), "role": found.role.value}
    await append(change, Event(now_us, actor, CONFIRMED, found.scope, detail=detail))
    return await grants.by_id(change.connection, grant_id)


def _due_us(one: Grant) -> int:
    return max(one.decided_us or one.requested_us, one.reviewed_us or 0) + QUARTER_US
