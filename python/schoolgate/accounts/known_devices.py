"""Browsers that signed in before, by a cookie of 256 bits. A pupil who guesses elsewhere does not hold up their owner.

Ten failures in a row make a device unknown again.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.account_list import Account
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.secrets_shown_once import new_token, token_hash
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import known_device
from schoolgate.storage.store import Change

MOST_FAILURES = 10
MOST_DEVICES = 20
KEPT_US = 180 * DAY_US


async def count_attempt(connection: AsyncConnection, found: Account | None, device: str | None) -> UUID | None:
    """The device behind a cookie, with one failure more; None where this account does not know it, or no longer."""
    if found is None or not device:
        return None
    rows = known_device.c
    return await _count(connection, rows.hash == token_hash(device), rows.account_id == found.id)


async def find(connection: AsyncConnection, account_id: UUID, device: str | None) -> UUID | None:
    """The device behind a cookie, where this account knows it and it was not used for guessing."""
    if not device:
        return None
    rows = known_device.c
    one = (rows.hash == token_hash(device), rows.account_id == account_id, rows.failures < MOST_FAILURES)
    found = (await connection.execute(select(rows.id).where(*one))).scalar_one_or_none()
    return None if found is None else UUID(str(found))


async def count_again(connection: AsyncConnection, device_id: UUID | None) -> UUID | None:
    """The same for the device of a session."""
    return None if device_id is None else await _count(connection, known_device.c.id == device_id)


async def _count(connection: AsyncConnection, *one: Any) -> UUID | None:
    rows = known_device.c
    wanted = select(known_device).where(*one)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None or row.failures >= MOST_FAILURES:
        return None
    await connection.execute(update(known_device).where(rows.id == row.id).values(failures=row.failures + 1))
    return UUID(str(row.id))


async def forgive(connection: AsyncConnection, device_id: UUID) -> None:
    """Forgets the failures of a device: its owner signed in."""
    await connection.execute(update(known_device).where(known_device.c.id == device_id).values(failures=0))


async def remember(change: Change, account_id: UUID, now_us: int) -> tuple[UUID, str]:
    """Makes a device known; returns its identifier and the value of its cookie. The oldest ones are forgotten."""
    cookie = new_token()
    rows = known_device.c
    mine = rows.account_id == account_id
    await change.connection.execute(delete(known_device).where(mine, rows.used_us < now_us - KEPT_US))
    newest = select(rows.id).where(mine).order_by(rows.used_us.desc()).limit(MOST_DEVICES - 1)
    kept = [one for (one,) in await change.connection.execute(newest)]
    await change.connection.execute(delete(known_device).where(mine, rows.id.not_in(kept)))
    made = uuid7(now_us)
    row = {"id": made, "site_id": change.site_id, "account_id": account_id, "hash": token_hash(cookie), "failures": 0}
    await change.connection.execute(known_device.insert().values(**row, created_us=now_us, used_us=now_us))
    return made, cookie


async def used(connection: AsyncConnection, device_id: UUID, now_us: int) -> None:
    """Notes that a device signed in."""
    await connection.execute(update(known_device).where(known_device.c.id == device_id).values(used_us=now_us))
