"""Which account an identity of a provider is: by issuer and subject, linked by an administrator."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, grants
from schoolgate.accounts.errors import AccountRefused
from schoolgate.accounts.grants import Grant
from schoolgate.accounts.id_token import Identity
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import oidc_identity
from schoolgate.storage.store import Change, Store

LINKED = "account.identity_linked"
# Who grants the roles that a provider's token names.
ACTOR = "job:oidc"


async def link(
    change: Change, account_id: UUID, issuer: str, subject: str, directory_id: str | None, *, actor: str, now_us: int
) -> None:
    """Makes an identity the account's. Raises `AccountRefused` where it is another one's, `NoSuchAccount`."""
    holder = await account_list.by_id(change.connection, account_id)
    account_list.refuse_break_glass(holder)
    if await find(change.connection, change.site_id, issuer, subject) is not None:
        raise AccountRefused("this identity is an account's already; disable that account, or link another identity")
    row = {"id": uuid7(now_us), "site_id": change.site_id, "account_id": account_id, "created_us": now_us}
    named = {"issuer": issuer, "subject": subject, "directory_id": directory_id}
    await change.connection.execute(oidc_identity.insert().values(**row, **named))
    detail = {"account": str(account_id), "issuer": issuer}
    await append(change, Event(now_us, actor, LINKED, detail=detail, personal={"subject": subject}))


async def find(connection: AsyncConnection, site_id: UUID, issuer: str, subject: str) -> UUID | None:
    """The account of an identity; None where none is linked."""
    rows = oidc_identity.c
    wanted = select(rows.account_id).where(rows.site_id == site_id, rows.issuer == issuer, rows.subject == subject)
    found = (await connection.execute(wanted)).scalar_one_or_none()
    return None if found is None else UUID(str(found))


async def follow_roles_where_changed(store: Store, account_id: UUID, identity: Identity, now_us: int) -> int:
    """The same as `follow_roles`, without a change where the account has them already."""
    async with store.reading() as connection:
        held = await grants.open_grants(connection, account_id)
    if not (identity.roles - {(one.role, one.scope) for one in held} or _gone(held, identity)):
        return 0
    async with store.change() as change:
        return await follow_roles(change, account_id, identity, now_us)


async def follow_roles(change: Change, account_id: UUID, identity: Identity, now_us: int) -> int:
    """Grants the roles that a token names and ends those that an earlier one named. Returns how many changed.

    A role of `GRANTED_BY_APPROVAL` becomes a request as always: who keeps the directory does not make a head.
    """
    held = await grants.open_grants(change.connection, account_id)
    have = {(one.role, one.scope) for one in held}
    wanted = sorted(identity.roles - have)
    for role, scope in wanted:
        await grants.grant(change, account_id, role, scope, actor=ACTOR, now_us=now_us)
    gone = _gone(held, identity)
    for one in gone:
        await grants.end(change, one.id, actor=ACTOR, now_us=now_us)
    return len(wanted) + len(gone)


def _gone(held: list[Grant], identity: Identity) -> list[Grant]:
    return [one for one in held if one.requested_by == ACTOR and (one.role, one.scope) not in identity.roles]
