"""Limits on guessing passwords, which lock out no account on purpose of others.

An attempt counts as failed before the password is compared, so that a thousand at once are counted one by one; a
sign-in that completes takes it back. From an unknown device an account waits after 5 failures in a row, has 10 attempts
in five minutes, and after 100 in a row refuses passwords; its source has a bucket. A known device has ten of its own
and waits for none of this. Names without an account are counted the same way. Wrong second factors are counted
apart: an account has ten in five minutes, over all its sessions and devices.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, known_devices
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.account_settings import HOUR_US, MINUTE_US, SECOND_US
from schoolgate.accounts.errors import SignInRefused
from schoolgate.accounts.sessions import Session
from schoolgate.accounts.source_buckets import SourceBuckets
from schoolgate.audit.event import Event, Outcome
from schoolgate.storage.failed_attempts import Attempts
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import sign_in_failure
from schoolgate.storage.store import Store

DELAY_AFTER, MOST_DELAY_US = 5, 60 * SECOND_US
WINDOW_US, MOST_IN_WINDOW = 5 * MINUTE_US, 10
REFUSED_AFTER = 100
# Names without an account that are remembered: an attacker invents them without end.
MOST_UNKNOWN, REMOVED_AT_ONCE = 4096, 256
SIGN_IN = "account.sign_in"


@dataclass(frozen=True)
class Attempt:
    """An attempt that was admitted and counted. `account`: None for a name without one."""

    name_hash: bytes
    actor: str
    account: Account | None
    address: str
    device_id: UUID | None

    @property
    def is_known_device(self) -> bool:
        """Whether it came from a browser that signed in before."""
        return self.device_id is not None


class Guard:
    """Admits and counts attempts. One for a process: it holds the buckets of sources."""

    def __init__(self, store: Store, attempts: Attempts, sources: SourceBuckets | None = None) -> None:
        self._store = store
        self._attempts = attempts
        self._sources = SourceBuckets() if sources is None else sources

    async def admit(self, login: str, address: str, device: str | None, now_us: int) -> Attempt:
        """Counts an attempt for a login name. Raises `SignInRefused` where there were too many."""
        async with self._store.counting() as connection:
            found = await account_list.find_login(connection, self._store.site_id, login)
            known = await known_devices.count_attempt(connection, found, device)
            row, wait_us = await self._count(connection, login, found, address, known, now_us)
        return await self._admitted(row, found, address, known, wait_us, now_us)

    async def admit_again(self, holder: Account, session: Session, now_us: int) -> Attempt:
        """Counts an attempt of an account that is signed in and gives its password again."""
        async with self._store.counting() as connection:
            known = await known_devices.count_again(connection, session.device_id)
            row, wait_us = await self._count(connection, holder.login, holder, session.address, known, now_us)
        return await self._admitted(row, holder, session.address, known, wait_us, now_us)

    def admit_source(self, address: str, now_us: int) -> Attempt:
        """Counts an attempt that names no account, as with a passkey. Raises `SignInRefused`; records nothing then."""
        if wait_us := self._sources.take(address, now_us):
            raise SignInRefused(wait_us)
        return self.attempt_of_source(address)

    @staticmethod
    def attempt_of_source(address: str) -> Attempt:
        """An attempt that names no account."""
        return Attempt(b"", "unknown", None, address, None)

    async def _count(
        self,
        connection: AsyncConnection,
        login: str,
        found: Account | None,
        address: str,
        known: UUID | None,
        now_us: int,
    ) -> tuple[Any, int]:
        row = await _row_of(connection, self._store.site_id, name_hash(login), found, now_us)
        wait_us = 0 if known else self._sources.take(address, now_us)
        return row, wait_us if known or wait_us else await _count(connection, row, now_us)

    async def _admitted(
        self, row: Any, found: Account | None, address: str, known: UUID | None, wait_us: int, now_us: int
    ) -> Attempt:
        actor = f"unknown:{row.id}" if found is None else actor_id(found.id)
        attempt = Attempt(row.name_hash, actor, found, address, known)
        if wait_us:
            await self.failed(attempt, now_us, Outcome.refused)
            raise SignInRefused(max(0, wait_us))
        return attempt

    @staticmethod
    def attempt_of(holder: Account, session: Session) -> Attempt:
        """The attempt that a sign-in which is not complete began with."""
        return Attempt(name_hash(holder.login), actor_id(holder.id), holder, session.address, session.device_id)

    async def failed(self, attempt: Attempt, now_us: int, outcome: Outcome = Outcome.failed) -> None:
        """Records a failure in the audit log: the first of a minute, then their number."""
        # Not the name: people type passwords there.
        personal = {"address": attempt.address} if attempt.address else {}
        await self._attempts.record(Event(now_us, attempt.actor, SIGN_IN, outcome=outcome, personal=personal))

    async def succeeded(self, connection: AsyncConnection, attempt: Attempt, now_us: int) -> None:
        """Takes the attempt back: failures in a row are none now."""
        if attempt.device_id is not None:
            await known_devices.forgive(connection, attempt.device_id)
        else:
            self._sources.give_back(attempt.address, now_us)
        rows = sign_in_failure.c
        mine = (rows.site_id == self._store.site_id, rows.name_hash == attempt.name_hash)
        counted = (await connection.execute(select(rows.recent).where(*mine))).scalar_one_or_none()
        recent: list[int] = orjson.loads(counted or "[]")
        kept = recent if attempt.is_known_device else recent[:-1]
        await connection.execute(
            update(sign_in_failure).where(*mine).values(in_row=0, recent=orjson.dumps(kept).decode())
        )


async def forgive(connection: AsyncConnection, account_id: UUID) -> None:
    """Forgets the wrong passwords of an account, as when it got a new one by a link; not its wrong second factors."""
    rows = sign_in_failure.c
    mine = (rows.account_id == account_id, rows.name_hash != _factor_hash(account_id))
    await connection.execute(update(sign_in_failure).where(*mine).values(in_row=0, recent="[]"))


async def count_factor(connection: AsyncConnection, site_id: UUID, holder: Account, now_us: int) -> int:
    """Counts a wrong second factor of an account before it is compared. Returns 0, or how long to wait, in
    microseconds: it is not counted then."""
    row = await _row_of(connection, site_id, _factor_hash(holder.id), holder, now_us)
    recent = _recent(row, now_us)
    if len(recent) >= MOST_IN_WINDOW:
        return recent[0] + WINDOW_US - now_us
    await _write_recent(connection, row, [*recent, now_us], last_us=now_us)
    return 0


async def factor_was_right(connection: AsyncConnection, site_id: UUID, holder: Account, now_us: int) -> None:
    """Takes the last one back that `count_factor` counted; the wrong ones before stay."""
    row = await _row_of(connection, site_id, _factor_hash(holder.id), holder, now_us)
    await _write_recent(connection, row, _recent(row, now_us)[:-1])


def _factor_hash(account_id: UUID) -> bytes:
    # No login name has an octet 0xff in UTF-8, so none is counted under this.
    return hashlib.sha256(b"\xfffactor" + account_id.bytes).digest()


def _recent(row: Any, now_us: int) -> list[int]:
    return [one for one in orjson.loads(row.recent) if now_us - WINDOW_US < one <= now_us]


async def _write_recent(connection: AsyncConnection, row: Any, recent: list[int], **more: int) -> None:
    values = {"recent": orjson.dumps(recent).decode(), **more}
    await connection.execute(update(sign_in_failure).where(sign_in_failure.c.id == row.id).values(**values))


def name_hash(login: str) -> bytes:
    """By what attempts for a login name are counted: SHA-256 of the name as accounts compare it."""
    key = account_list.login_key(login[: account_list.MOST_NAME + 1])
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


async def _row_of(connection: AsyncConnection, site_id: UUID, key: bytes, found: Account | None, now_us: int) -> Any:
    rows = sign_in_failure.c
    wanted = select(sign_in_failure).where(rows.site_id == site_id, rows.name_hash == key)
    row = (await connection.execute(wanted)).one_or_none()
    account_id = None if found is None else found.id
    if row is None:
        await _forget_some(connection, site_id, now_us)
        values = {"name_hash": key, "account_id": account_id, "in_row": 0, "recent": "[]", "last_us": now_us}
        await connection.execute(sign_in_failure.insert().values(id=uuid7(now_us), site_id=site_id, **values))
        row = (await connection.execute(wanted)).one()
    elif row.account_id != account_id:
        await connection.execute(update(sign_in_failure).where(rows.id == row.id).values(account_id=account_id))
    return row


async def _count(connection: AsyncConnection, row: Any, now_us: int) -> int:
    """Counts an attempt, or says how long to wait; below 0 where no time is named."""
    recent = _recent(row, now_us)
    if row.in_row >= REFUSED_AFTER:
        return -1
    # After a clock that went back, no wait is longer than the delay.
    since_us: int = max(0, now_us - row.last_us)
    wait_us = delay_us(row.in_row) - since_us
    if len(recent) >= MOST_IN_WINDOW:
        wait_us = max(wait_us, recent[0] + WINDOW_US - now_us)
    if wait_us > 0:
        return wait_us
    await _write_recent(connection, row, [*recent, now_us], in_row=row.in_row + 1, last_us=now_us)
    return 0


def delay_us(in_row: int) -> int:
    """How long after the last of so many failures in a row another attempt is admitted: 1, 2, 4 ... 60 seconds."""
    if in_row < DELAY_AFTER:
        return 0
    return min(MOST_DELAY_US, SECOND_US << min(in_row - DELAY_AFTER, 20))


async def _forget_some(connection: AsyncConnection, site_id: UUID, now_us: int) -> None:
    """Keeps names without an account below their bound: first those an hour old, then the oldest."""
    rows = sign_in_failure.c
    unknown = (rows.site_id == site_id, rows.account_id.is_(None))
    if (await connection.execute(select(func.count()).where(*unknown))).scalar_one() < MOST_UNKNOWN:
        return
    await connection.execute(delete(sign_in_failure).where(*unknown, rows.last_us < now_us - HOUR_US))
    oldest = select(rows.id).where(*unknown).order_by(rows.last_us).limit(REMOVED_AT_ONCE)
    if (await connection.execute(select(func.count()).where(*unknown))).scalar_one() >= MOST_UNKNOWN:
        await connection.execute(delete(sign_in_failure).where(rows.id.in_(oldest)))
