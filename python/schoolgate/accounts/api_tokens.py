"""API tokens: scoped, expiring, shown once, kept as a hash. A token may do what its scopes name and its account may."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts import account_list, grants
from schoolgate.accounts.account_list import Account, actor_id
from schoolgate.accounts.account_settings import DAY_US, MINUTE_US
from schoolgate.accounts.errors import AccountRefused, ApiTokenRefused, ScopeMissing, TokenRefused
from schoolgate.accounts.roles import GRANTED_BY_APPROVAL
from schoolgate.accounts.secrets_shown_once import new_token, token_hash
from schoolgate.accounts.token_revocation import REVOKED, revoke_rows
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import account, api_token
from schoolgate.storage.store import Change, Store

# Names the kind of secret, so that a scanner of repositories finds one that was committed.
PREFIX = "sgt_"
MOST_LIFE_US = 366 * DAY_US
MOST_TOKENS = 50
SCOPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
# A scope of one of these is for one subject, such as the system that files alerts: "alerts.file:mail-scan".
NAMES_SUBJECT: Final = frozenset({"alerts.file"})
SUBJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
MADE = "token.made"


@dataclass(frozen=True)
class ApiToken:
    """A token without its secret."""

    id: UUID
    account_id: UUID
    label: str
    scopes: tuple[str, ...]
    created_us: int
    expires_us: int
    used_us: int | None

    def subjects(self, operation: str) -> frozenset[str]:
        """Those for which it may call an operation of `NAMES_SUBJECT`."""
        named = (one.partition(":") for one in self.scopes)
        return frozenset(subject for scope, _, subject in named if scope == operation and subject)


@dataclass(frozen=True)
class NewApiToken:
    """A token and its secret, which is shown once."""

    token: ApiToken
    secret: str = field(repr=False)


async def make(
    change: Change, account_id: UUID, label: str, scopes: Sequence[str], expires_us: int, *, actor: str, now_us: int
) -> NewApiToken:
    """Makes a token of an active account; with a role of `GRANTED_BY_APPROVAL`, only for the account itself. Raises
    `AccountRefused`, `NoSuchAccount`."""
    holder = await account_list.by_id(change.connection, account_id)
    account_list.refuse_break_glass(holder)
    if not holder.is_active:
        raise AccountRefused(f"the account {holder.login!r} is disabled; enable it first")
    if actor != actor_id(account_id):
        await _refuse_take_over(change.connection, holder)
    _refuse_odd(label, scopes, expires_us - now_us)
    if len(await _valid(change.connection, account_id, now_us)) >= MOST_TOKENS:
        raise AccountRefused(f"the account has {MOST_TOKENS} tokens; revoke one first")
    secret = new_token(PREFIX)
    made = ApiToken(uuid7(now_us), account_id, label, tuple(sorted(set(scopes))), now_us, expires_us, None)
    row = {**vars(made), "scopes": " ".join(made.scopes), "hash": token_hash(secret), "site_id": change.site_id}
    await change.connection.execute(api_token.insert().values(**row))
    detail = {"account": str(account_id), "token": str(made.id), "scopes": list(made.scopes), "expires_us": expires_us}
    await append(change, Event(now_us, actor, MADE, detail=detail))
    return NewApiToken(made, secret)


async def check(store: Store, secret: str, now_us: int, *scopes: str) -> ApiToken:
    """The token of a request that needs one of these scopes; of an operation of `NAMES_SUBJECT` one with a subject.

    Raises `ApiTokenRefused`, also for a disabled account, and `ScopeMissing`.
    """
    rows = api_token.c
    wanted = (
        select(api_token, account.c.state)
        .join(account, account.c.id == rows.account_id)
        .where(rows.hash == token_hash(secret), rows.revoked_us.is_(None))
    )
    async with store.reading() as connection:
        row = (await connection.execute(wanted)).one_or_none()
    if row is None or row.state != "active":
        raise ApiTokenRefused("the token is unknown or revoked; make another one")
    if now_us >= row.expires_us:
        raise ApiTokenRefused("the token has expired; make another one")
    found = _token(row)
    bound = NAMES_SUBJECT & set(scopes)
    for operation in bound:
        if not found.subjects(operation):
            raise ScopeMissing(f"the token names no system; make one whose scope is {operation}: and its name")
    if not bound and not set(scopes) & set(found.scopes):
        raise ScopeMissing(f"the token has no scope {' or '.join(scopes)}; make one that has it")
    if row.used_us is None or now_us - row.used_us >= MINUTE_US:
        async with store.counting() as connection:
            await connection.execute(update(api_token).where(rows.id == row.id).values(used_us=now_us))
    return found


async def own_tokens(store: Store, account_id: UUID, now_us: int) -> list[ApiToken]:
    """The tokens of an account that can be used, oldest first."""
    async with store.reading() as connection:
        return await _valid(connection, account_id, now_us)


async def revoke(change: Change, account_id: UUID, token_id: UUID, *, actor: str, now_us: int) -> None:
    """Revokes one token of an account. Raises `TokenRefused` where it has none such."""
    if not await revoke_rows(change, now_us, api_token.c.id == token_id, api_token.c.account_id == account_id):
        raise TokenRefused(f"the account has no token {token_id} that could be revoked")
    detail = {"account": str(account_id), "token": str(token_id)}
    await append(change, Event(now_us, actor, REVOKED, detail=detail))


async def _valid(connection: AsyncConnection, account_id: UUID, now_us: int) -> list[ApiToken]:
    rows = api_token.c
    wanted = select(api_token).where(rows.account_id == account_id, rows.revoked_us.is_(None), rows.expires_us > now_us)
    return [_token(row) for row in await connection.execute(wanted.order_by(rows.id))]


async def _refuse_take_over(connection: AsyncConnection, holder: Account) -> None:
    """A token gives the account's roles to its holder. Requested ones too: it outlives the approval of a request."""
    guarded = [one.role for one in await grants.open_grants(connection, holder.id) if one.role in GRANTED_BY_APPROVAL]
    if guarded:
        raise AccountRefused(
            f"the account {holder.login!r} has the role {guarded[0]}, so only the account itself makes its tokens;"
            " use an account without such a role"
        )


def _token(row: Any) -> ApiToken:
    values = {name: getattr(row, name) for name in ApiToken.__dataclass_fields__}
    return ApiToken(**values | {"scopes": tuple(row.scopes.split())})


def _refuse_odd(label: str, scopes: Sequence[str], life_us: int) -> None:
    if not (1 <= len(label) <= 80 and label.isprintable()):
        raise AccountRefused("a token's label has 1 to 80 printable characters: say what uses it")
    if not scopes:
        raise AccountRefused("a token needs at least one scope; name what it may do")
    for one in scopes:
        scope, colon, subject = one.partition(":")
        if scope in NAMES_SUBJECT and not subject:
            raise AccountRefused(f"{scope} is for one system; write its name with it, as in {scope}:mail-scan")
        is_named = bool(colon) and scope in NAMES_SUBJECT and SUBJECT.fullmatch(subject) is not None
        if len(one) > 80 or not SCOPE.fullmatch(scope) or (colon and not is_named):
            raise AccountRefused(f"{one[:80]!r} is no scope; write it as policy.read")
    if not 0 < life_us <= MOST_LIFE_US:
        raise AccountRefused(
            f"a token expires within {MOST_LIFE_US // DAY_US} days; choose a time between now and then"
        )
