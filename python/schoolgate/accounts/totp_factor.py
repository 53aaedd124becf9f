"""TOTP (RFC 6238): SHA-1, six digits, 30 seconds, as every app knows it. A step of one account is accepted once."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from uuid import UUID

import pyotp
import segno
from sqlalchemy import ColumnElement, delete, select, update

from schoolgate.accounts import account_list, recovery_codes, second_factors, sessions
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.account_settings import SECOND_US
from schoolgate.accounts.errors import FactorRefused
from schoolgate.accounts.factor_key import FactorKey
from schoolgate.accounts.sessions import Session
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import totp
from schoolgate.storage.store import Change

STEP_US = 30 * SECOND_US
# Steps before and after the current one, for clocks that differ.
WINDOW = 1
DIGITS = 6
ISSUER = "schoolgate"
ENROLLED = "account.totp_enrolled"


@dataclass(frozen=True)
class Enrolment:
    """What is shown once: the secret in base32, the provisioning address, and the same as a QR code in SVG."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    svg: str = field(repr=False)


async def begin(change: Change, session: Session, key: FactorKey, *, now_us: int, issuer: str = ISSUER) -> Enrolment:
    """Begins an enrolment, in place of an unfinished one. Raises `FactorRefused` where one is in use already."""
    await second_factors.refuse_setting_up(change.connection, session, now_us)
    account_id = session.account_id
    holder = await account_list.by_id(change.connection, account_id)
    if await _row(change, account_id, is_confirmed=True) is not None:
        raise FactorRefused("the account has an authenticator app already; it is reset before another one is set up")
    secret = pyotp.random_base32()
    await change.connection.execute(delete(totp).where(totp.c.account_id == account_id))
    row = {
        "id": uuid7(now_us),
        "site_id": change.site_id,
        "account_id": account_id,
        "created_us": now_us,
        "last_step": 0,
    }
    sealed = key.seal(base64.b32decode(secret), account_id)
    await change.connection.execute(totp.insert().values(**row, secret=sealed))
    await append(change, Event(now_us, actor_id(account_id), "account.totp_begun", detail={"account": str(account_id)}))
    address = pyotp.TOTP(secret, name=holder.login, issuer=issuer).provisioning_uri()
    return Enrolment(secret, address, segno.make(address, error="m", micro=False).svg_inline(scale=4, border=4))


async def confirm(change: Change, session: Session, code: str, key: FactorKey, *, now_us: int) -> tuple[str, ...]:
    """Ends an enrolment, begun within ten minutes, by a first code; returns ten recovery codes, shown once. Other
    sessions of the account end: one that waits for an enrolment too may be another person's. Raises `FactorRefused`."""
    await second_factors.refuse_setting_up(change.connection, session, now_us)
    account_id = session.account_id
    begun = totp.c.created_us > now_us - sessions.UNFINISHED_US
    row = await _row(change, account_id, begun, is_confirmed=False)
    if row is None:
        raise FactorRefused("no enrolment waits for a code; begin one")
    if not await _accept(change, account_id, code, key, now_us, is_confirmed=False):
        raise FactorRefused("the code does not fit; check the clock of the phone and enter the next code")
    await change.connection.execute(update(totp).where(totp.c.account_id == account_id).values(confirmed_us=now_us))
    codes = await recovery_codes.make(change, account_id, now_us)
    actor = actor_id(account_id)
    await append(change, Event(now_us, actor, ENROLLED, detail={"account": str(account_id)}))
    await sessions.end_all(
        change, account_id, why="a second factor was set up", actor=actor, now_us=now_us, but=session.id
    )
    return codes


async def accept(change: Change, account_id: UUID, code: str, key: FactorKey, now_us: int) -> bool:
    """Whether a code fits now, within one step either side, and was not used before. The caller appends the entry."""
    return await _accept(change, account_id, code, key, now_us, is_confirmed=True)


async def _accept(
    change: Change, account_id: UUID, code: str, key: FactorKey, now_us: int, *, is_confirmed: bool
) -> bool:
    row = await _row(change, account_id, is_confirmed=is_confirmed)
    code = "".join(code.split())
    if row is None or not (len(code) == DIGITS and code.isascii() and code.isdigit()):
        return False
    made = pyotp.TOTP(base64.b32encode(key.open(row[0], account_id)).decode())
    step = now_us // STEP_US
    fitting = [
        near for near in range(step - WINDOW, step + WINDOW + 1) if hmac.compare_digest(made.generate_otp(near), code)
    ]
    new = [near for near in fitting if near > row[1]]
    if not new:
        return False
    await change.connection.execute(update(totp).where(totp.c.account_id == account_id).values(last_step=max(new)))
    return True


async def _row(
    change: Change, account_id: UUID, *wanted_too: ColumnElement[bool], is_confirmed: bool
) -> tuple[bytes, int] | None:
    rows = totp.c
    is_set = rows.confirmed_us.is_not(None) if is_confirmed else rows.confirmed_us.is_(None)
    wanted = select(rows.secret, rows.last_step).where(rows.account_id == account_id, is_set, *wanted_too)
    row = (await change.connection.execute(wanted)).one_or_none()
    return None if row is None else (row[0], row[1])
