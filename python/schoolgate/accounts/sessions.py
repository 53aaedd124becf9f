"""Sessions: an opaque token of 256 bits in a cookie, its SHA-256 in the store.

A session ends after 30 minutes without use and 12 hours after its sign-in, when it is signed out, and when its account
is disabled, gets another role, or is compromised. The token is new at sign-in and at each step up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.account_settings import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from schoolgate.accounts.errors import SessionEnded
from schoolgate.accounts.secrets_shown_once import new_token, token_hash
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import account, account_session
from schoolgate.storage.store import Change, Store

IDLE_US = 30 * MINUTE_US
ABSOLUTE_US = 12 * HOUR_US
FRESH_US = 5 * MINUTE_US
# A sign-in that waits for its second factor, or for a new password.
UNFINISHED_US = 10 * MINUTE_US
# How often the time of last use is written. A session may end by so much too early, never too late.
SEEN_EVERY_US = 15 * SECOND_US
# A session made later than now: the clock went back by more than it is corrected.
CLOCK_BACK_US = 5 * MINUTE_US
KEPT_US = 30 * DAY_US
MOST_USER_AGENT = 80
SIGNED_OUT = "account.signed_out"


class Stage(StrEnum):
    """How far a sign-in has come. Only a `full` session may do anything but go on."""

    factor = "factor"
    enrol = "enrol"
    change = "change"
    full = "full"


@dataclass(frozen=True)
class Origin:
    """Where a session comes from: the client's address, what its browser says it is, its known device."""

    address: str = ""
    user_agent: str = ""
    device_id: UUID | None = None


@dataclass(frozen=True)
class Session:
    """A session without its token. `factor_us`: when a second factor was last given."""

    id: UUID
    account_id: UUID
    stage: Stage
    method: str
    created_us: int
    seen_us: int
    factor_us: int | None
    device_id: UUID | None
    user_agent: str
    address: str

    @property
    def is_full(self) -> bool:
        """Whether the sign-in is complete."""
        return self.stage is Stage.full

    @property
    def ends_us(self) -> int:
        """When it ends without further use."""
        longest = ABSOLUTE_US if self.is_full else UNFINISHED_US
        return min(self.created_us + longest, self.seen_us + IDLE_US)

    def is_fresh(self, now_us: int) -> bool:
        """Whether a second factor was given within five minutes: for reveal, approval, roles, export, sealed feeds."""
        return self.factor_us is not None and 0 <= now_us - self.factor_us <= FRESH_US


@dataclass(frozen=True)
class Opened:
    """A session and its token, which is nowhere else."""

    session: Session
    token: str = field(repr=False)


async def begin(
    change: Change,
    account_id: UUID,
    origin: Origin,
    *,
    stage: Stage,
    method: str,
    now_us: int,
    factor_us: int | None = None,
    created_us: int | None = None,
) -> Opened:
    """Makes a session. The caller appends the entry."""
    token = new_token()
    session = Session(
        id=uuid7(now_us),
        account_id=account_id,
        stage=stage,
        method=method,
        created_us=now_us if created_us is None else created_us,
        seen_us=now_us,
        factor_us=factor_us,
        device_id=origin.device_id,
        user_agent="".join(one for one in origin.user_agent if one.isprintable())[:MOST_USER_AGENT],
        address=origin.address[:64],
    )
    row = {**vars(session), "site_id": change.site_id, "token_hash": token_hash(token), "factor_failures": 0}
    await change.connection.execute(account_session.insert().values(**row))
    return Opened(session, token)


async def renew(
    change: Change,
    session: Session,
    *,
    stage: Stage,
    now_us: int,
    method: str | None = None,
    factor_us: int | None = None,
    device_id: UUID | None = None,
) -> Opened:
    """Ends a session and begins another in its place, so that a token known from before is worth nothing. The 12 hours
    go on. The caller appends the entry."""
    if not await _end_rows(change.connection, "renewed", now_us, account_session.c.id == session.id):
        raise SessionEnded("it was used twice at once")
    return await begin(
        change,
        session.account_id,
        Origin(session.address, session.user_agent, device_id or session.device_id),
        stage=stage,
        method=method or session.method,
        now_us=now_us,
        factor_us=session.factor_us if factor_us is None else factor_us,
        created_us=session.created_us,
    )


async def check(store: Store, token: str, now_us: int) -> Session:
    """The session of a token, at each use of it. Raises `SessionEnded`: also for a disabled account."""
    async with store.reading() as connection:
        session = await session_of(connection, token, now_us)
    return await note_use(store, session, now_us)


async def note_use(store: Store, session: Session, now_us: int) -> Session:
    """Writes the time of last use, at most four times a minute."""
    if now_us - session.seen_us < SEEN_EVERY_US:
        return session
    async with store.counting() as connection:
        await connection.execute(
            update(account_session)
            .where(account_session.c.id == session.id, account_session.c.seen_us < now_us)
            .values(seen_us=now_us)
        )
    return replace(session, seen_us=now_us)


async def session_of(connection: AsyncConnection, token: str, now_us: int) -> Session:
    """The session of a token, without noting its use. Raises `SessionEnded`."""
    rows = account_session.c
    wanted = (
        select(account_session, account.c.state)
        .join(account, account.c.id == rows.account_id)
        .where(rows.token_hash == token_hash(token))
    )
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise SessionEnded("unknown")
    if why := _why_over(row, now_us):
        raise SessionEnded(why)
    return _session(row)


async def own_sessions(store: Store, account_id: UUID, now_us: int) -> list[Session]:
    """The sessions of an account that have not ended, newest first."""
    rows = account_session.c
    wanted = (
        select(account_session, account.c.state)
        .join(account, account.c.id == rows.account_id)
        .where(rows.account_id == account_id, rows.ended_us.is_(None))
        .order_by(rows.created_us.desc())
    )
    async with store.reading() as connection:
        return [_session(row) for row in await connection.execute(wanted) if not _why_over(row, now_us)]


async def end(change: Change, account_id: UUID, session_id: UUID, *, actor: str, now_us: int) -> None:
    """Signs one session of an account out. Raises `SessionEnded` where it has none such."""
    rows = account_session.c
    if not await _end_rows(
        change.connection, "signed out", now_us, rows.id == session_id, rows.account_id == account_id
    ):
        raise SessionEnded("signed out before")
    detail = {"account": str(account_id), "session": str(session_id)}
    await append(change, Event(now_us, actor, SIGNED_OUT, detail=detail))


async def end_all(
    change: Change, account_id: UUID, *, why: str, actor: str, now_us: int, but: UUID | None = None
) -> int:
    """Signs every session of an account out, `but` one; returns how many. Appends an entry where there were any."""
    wanted = [account_session.c.account_id == account_id]
    if but is not None:
        wanted.append(account_session.c.id != but)
    ended = await _end_rows(change.connection, why, now_us, *wanted)
    if ended:
        detail = {"account": str(account_id), "sessions": ended, "why": why}
        await append(change, Event(now_us, actor, SIGNED_OUT, detail=detail))
    return ended


async def forget_old(store: Store, now_us: int) -> int:
    """Removes sessions that were begun 30 days ago, with their addresses; returns how many. For a daily job."""
    async with store.counting() as connection:
        old = account_session.c.created_us < now_us - KEPT_US
        return (await connection.execute(delete(account_session).where(old))).rowcount


async def _end_rows(connection: AsyncConnection, why: str, now_us: int, *wanted: Any) -> int:
    ending = update(account_session).where(account_session.c.ended_us.is_(None), *wanted)
    return (await connection.execute(ending.values(ended_us=now_us, ended_why=why))).rowcount


def _why_over(row: Any, now_us: int) -> str:
    """Why a session is over; empty where it is not."""
    if row.ended_us is not None:
        return str(row.ended_why)
    if row.state != "active":
        return "the account is disabled"
    if row.created_us > now_us + CLOCK_BACK_US:
        return "the clock went back"
    if now_us - row.created_us >= (ABSOLUTE_US if row.stage == Stage.full else UNFINISHED_US):
        return "too old"
    return "idle" if now_us - row.seen_us >= IDLE_US else ""


def _session(row: Any) -> Session:
    values = {name: getattr(row, name) for name in Session.__dataclass_fields__}
    return Session(**values | {"stage": Stage(row.stage)})
