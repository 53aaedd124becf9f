"""Which second factors an account has, and whether its roles need one. No setting says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list
from schoolgate.accounts.errors import FactorRefused
from schoolgate.accounts.roles import NEEDS_SECOND_FACTOR
from schoolgate.accounts.sessions import Session, Stage
from schoolgate.storage.schema import passkey, recovery_code, role_grant, totp

# The method of a session that the break-glass code opened.
BREAK_GLASS = "break_glass"


@dataclass(frozen=True)
class Factors:
    """What is set up. `recovery_codes`: how many are left; they are no factor by themselves."""

    has_totp: bool
    passkeys: int
    recovery_codes: int

    @property
    def has_any(self) -> bool:
        """Whether there is a second factor."""
        return self.has_totp or self.passkeys > 0


async def factors_of(connection: AsyncConnection, account_id: UUID) -> Factors:
    """The second factors of an account."""
    app = select(func.count()).where(totp.c.account_id == account_id, totp.c.confirmed_us.is_not(None))
    keys = select(func.count()).where(passkey.c.account_id == account_id)
    codes = select(func.count()).where(recovery_code.c.account_id == account_id, recovery_code.c.used_us.is_(None))
    counted = [(await connection.execute(one)).scalar_one() for one in (app, keys, codes)]
    return Factors(bool(counted[0]), counted[1], counted[2])


async def is_needed(connection: AsyncConnection, account_id: UUID) -> bool:
    """Whether a role of the account, held or requested, needs a second factor."""
    rows = role_grant.c
    needing = select(func.count()).where(
        rows.account_id == account_id,
        rows.state.in_(("active", "requested")),
        rows.role.in_([str(one) for one in NEEDS_SECOND_FACTOR]),
    )
    return bool((await connection.execute(needing)).scalar_one())


async def refuse_setting_up(connection: AsyncConnection, session: Session, now_us: int) -> None:
    """Raises `FactorRefused` unless this session may set up a factor: it must do so, or it is complete and, where there
    is a factor already, gave it within five minutes."""
    if (await account_list.by_id(connection, session.account_id)).is_break_glass:
        raise FactorRefused("the account of the break-glass code has no second factor, so that the code is used once")
    if session.stage is Stage.enrol:
        return
    if not session.is_full:
        raise FactorRefused("the sign-in is not complete; finish it first")
    if (await factors_of(connection, session.account_id)).has_any and not session.is_fresh(now_us):
        raise FactorRefused("the second factor was given too long ago; give it again")


async def remove_all(connection: AsyncConnection, account_id: UUID) -> None:
    """Removes every second factor of an account; the caller decided who may, and appends the entry."""
    for table in (totp, passkey, recovery_code):
        await connection.execute(delete(table).where(table.c.account_id == account_id))
