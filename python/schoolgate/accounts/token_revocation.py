"""API tokens of an account, all revoked: when it is disabled, compromised, or gets a role that is granted by approval.

A token does what its account may: one made before such a role would have the role too, and an administrator may have
made it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import update

from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.schema import api_token
from schoolgate.storage.store import Change

REVOKED = "token.revoked"


async def revoke_all(change: Change, account_id: UUID, *, actor: str, now_us: int) -> int:
    """Revokes every token of an account; returns how many. Appends an entry where there were any."""
    revoked = await revoke_rows(change, now_us, api_token.c.account_id == account_id)
    if revoked:
        detail = {"account": str(account_id), "tokens": revoked}
        await append(change, Event(now_us, actor, REVOKED, detail=detail))
    return revoked


async def revoke_rows(change: Change, now_us: int, *wanted: Any) -> int:
    """Revokes the tokens that fit; returns how many. The caller appends the entry."""
    revoking = update(api_token).where(api_token.c.revoked_us.is_(None), *wanted)
    return (await change.connection.execute(revoking.values(revoked_us=now_us))).rowcount
