"""Secrets that are used once: first run, password reset, break-glass. Kept as hashes; a new one replaces the old."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.errors import TokenRefused
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import one_time_token
from schoolgate.storage.store import Change


class Purpose(StrEnum):
    """What a secret is for; for anything else it is unknown."""

    first_run = "first_run"
    reset = "reset"
    break_glass = "break_glass"


async def store(
    change: Change,
    purpose: Purpose,
    hashed: bytes,
    *,
    account_id: UUID | None,
    expires_us: int | None,
    actor: str,
    now_us: int,
) -> None:
    """Stores the hash of a new secret; an older one for the same purpose and account is worth nothing now."""
    rows = one_time_token.c
    same = (rows.site_id == change.site_id, rows.purpose == purpose, rows.used_us.is_(None))
    whose = rows.account_id.is_(None) if account_id is None else rows.account_id == account_id
    await change.connection.execute(update(one_time_token).where(*same, whose).values(used_us=now_us))
    row = {"id": uuid7(now_us), "site_id": change.site_id, "purpose": purpose, "hash": hashed, "made_by": actor}
    times = {"created_us": now_us, "expires_us": expires_us}
    await change.connection.execute(one_time_token.insert().values(**row, **times, account_id=account_id))


async def look(connection: AsyncConnection, purpose: Purpose, hashed: bytes, now_us: int) -> UUID | None:
    """The account that a secret is for, without using it up; None for one of no account. Raises `TokenRefused`."""
    rows = one_time_token.c
    wanted = select(one_time_token).where(rows.hash == hashed, rows.purpose == purpose)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise TokenRefused("it is unknown; copy it whole, or have another one made")
    if row.used_us is not None:
        raise TokenRefused("it was used, or another one was made since; have another one made")
    if row.expires_us is not None and now_us >= row.expires_us:
        raise TokenRefused("it has expired; have another one made")
    return None if row.account_id is None else UUID(str(row.account_id))


async def use(change: Change, purpose: Purpose, hashed: bytes, now_us: int) -> UUID | None:
    """The same, and uses it up. Raises `TokenRefused`."""
    account_id = await look(change.connection, purpose, hashed, now_us)
    one = one_time_token.c.hash == hashed
    await change.connection.execute(update(one_time_token).where(one).values(used_us=now_us))
    return account_id
