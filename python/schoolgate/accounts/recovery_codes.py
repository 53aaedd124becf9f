"""Ten codes of 80 bits for a lost second factor: shown once, kept as hashes, each used once."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, update

from schoolgate.accounts.secrets_shown_once import code_hash, new_code
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import recovery_code
from schoolgate.storage.store import Change

HOW_MANY = 10
CODE_OCTETS = 10


async def make(change: Change, account_id: UUID, now_us: int) -> tuple[str, ...]:
    """Ten new codes in place of older ones. The caller appends the entry."""
    codes = tuple(new_code(CODE_OCTETS) for _ in range(HOW_MANY))
    await change.connection.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    row = {"site_id": change.site_id, "account_id": account_id, "created_us": now_us}
    rows = [{"id": uuid7(now_us), "hash": code_hash(code), **row} for code in codes]
    await change.connection.execute(recovery_code.insert(), rows)
    return codes


async def use(change: Change, account_id: UUID, code: str, now_us: int) -> bool:
    """Uses a code up; whether there was such a one."""
    rows = recovery_code.c
    one = (rows.account_id == account_id, rows.hash == code_hash(code), rows.used_us.is_(None))
    return bool((await change.connection.execute(update(recovery_code).where(*one).values(used_us=now_us))).rowcount)
