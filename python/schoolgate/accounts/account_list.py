"""Accounts: made, listed, disabled, enabled. An account is never removed: the audit log names it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.errors import AccountRefused, NoSuchAccount
from schoolgate.audit.event import Event
from schoolgate.config.problems import did_you_mean
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import account
from schoolgate.storage.store import Change, Store

MOST_NAME = 254
# A school has hundreds of accounts; a defect or an attack makes no more than this.
MOST_ACCOUNTS = 10_000
CREATED = "account.created"
# How an actor is named that is an account.
ACTOR = "account:"
BREAK_GLASS_LOGIN = "break-glass"


class State(StrEnum):
    """Whether an account may be used."""

    active = "active"
    disabled = "disabled"


@dataclass(frozen=True)
class Account:
    """An account without its secrets. Times in microseconds UTC."""

    id: UUID
    login: str
    display_name: str
    mail: str | None
    state: State
    created_us: int
    disabled_us: int | None
    last_sign_in_us: int | None
    must_change_password: bool
    approves_from_us: int

    @property
    def is_active(self) -> bool:
        """Whether it may be used."""
        return self.state is State.active

    @property
    def is_break_glass(self) -> bool:
        """Whether it is the account of the sealed code, which has no other way in."""
        return login_key(self.login) == BREAK_GLASS_LOGIN


def actor_id(account_id: UUID) -> str:
    """The name of an account as an actor, in the audit log and where it is noted who asked or approved."""
    return f"{ACTOR}{account_id}"


def account_id_of(actor: str) -> UUID:
    """The account that an actor is. Raises `NoSuchAccount` for a local user or a job."""
    try:
        return UUID(actor.removeprefix(ACTOR))
    except ValueError:
        raise NoSuchAccount(f"{actor[:80]!r} is no account") from None


def login_key(login: str) -> str:
    """What two spellings of one login name have in common: NFC, casefolded (Unicode 3.13), NFC again."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", login.strip()).casefold())


def account_of(row: Any) -> Account:
    """An account from its row."""
    values = {name: getattr(row, name) for name in Account.__dataclass_fields__}
    return Account(**values | {"state": State(row.state)})


async def create(
    change: Change,
    login: str,
    display_name: str,
    *,
    mail: str | None = None,
    actor: str,
    now_us: int,
    is_reserved: bool = False,
) -> Account:
    """Makes an active account without password, factor or role. Raises `AccountRefused`. `is_reserved`: for the code
    that owns the reserved name."""
    login, display_name = (unicodedata.normalize("NFC", one.strip()) for one in (login, display_name))
    _refuse_text("login name", login)
    _refuse_text("display name", display_name)
    if login_key(login) == BREAK_GLASS_LOGIN and not is_reserved:
        raise AccountRefused(f"the login name {BREAK_GLASS_LOGIN!r} belongs to the sealed code; choose another one")
    if mail is not None:
        _refuse_mail(mail)
    await _refuse_taken(change.connection, change.site_id, login)
    values = {
        "id": uuid7(now_us),
        "login": login,
        "display_name": display_name,
        "mail": mail,
        "state": State.active,
        "created_us": now_us,
        "must_change_password": False,
        "approves_from_us": 0,
    }
    await change.connection.execute(
        account.insert().values(site_id=change.site_id, login_key=login_key(login), **values)
    )
    personal = {"login": login, "display_name": display_name} | ({"mail": mail} if mail else {})
    detail = {"account": str(values["id"])}
    await append(change, Event(now_us, actor, CREATED, detail=detail, personal=personal))
    return await by_id(change.connection, UUID(str(values["id"])))


async def by_id(connection: AsyncConnection, account_id: UUID) -> Account:
    """The account with this identifier. Raises `NoSuchAccount`."""
    row = (await connection.execute(select(account).where(account.c.id == account_id))).one_or_none()
    if row is None:
        raise NoSuchAccount(f"there is no account {account_id}; `schoolgate account list` lists them")
    return account_of(row)


async def by_login(connection: AsyncConnection, site_id: UUID, login: str) -> Account:
    """The account with this login name, in any spelling, for administrators: raises `NoSuchAccount` with names that are
    alike."""
    if (found := await find_login(connection, site_id, login)) is not None:
        return found
    known = (await connection.execute(select(account.c.login).where(account.c.site_id == site_id))).scalars().all()
    raise NoSuchAccount(f"there is no account {login[:80]!r}; {did_you_mean(login, set(known))}")


async def find_login(connection: AsyncConnection, site_id: UUID, login: str) -> Account | None:
    """The account with this login name, in any spelling; for a sign-in, which says nothing of other names. None for
    what no login name can be, as an argument that is not UTF-8."""
    if not _is_storable(login):
        return None
    wanted = select(account).where(account.c.site_id == site_id, account.c.login_key == login_key(login))
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else account_of(row)


def refuse_break_glass(holder: Account) -> None:
    """Raises `AccountRefused` for the account of the sealed code, for every actor."""
    if holder.is_break_glass:
        raise AccountRefused("the account of the break-glass code has no other way in; seal another code instead")


async def all_accounts(store: Store) -> list[Account]:
    """Every account of the site, by login name."""
    async with store.reading() as connection:
        wanted = select(account).where(account.c.site_id == store.site_id).order_by(account.c.login_key)
        return [account_of(row) for row in await connection.execute(wanted)]


async def set_columns(connection: AsyncConnection, account_id: UUID, **values: object) -> None:
    """Writes columns of one account; the caller appends the entry."""
    await connection.execute(update(account).where(account.c.id == account_id).values(**values))


def _is_storable(login: str) -> bool:
    """Whether a database can be asked for it: neither a lone surrogate nor U+0000."""
    return not any(one == "\0" or unicodedata.category(one) == "Cs" for one in login)


async def _refuse_taken(connection: AsyncConnection, site_id: UUID, login: str) -> None:
    mine = account.c.site_id == site_id
    taken = select(account.c.login).where(mine, account.c.login_key == login_key(login))
    if (other := (await connection.execute(taken)).scalar_one_or_none()) is not None:
        raise AccountRefused(f"there is an account {other!r} already; choose another login name")
    if (await connection.execute(select(func.count()).where(mine))).scalar_one() >= MOST_ACCOUNTS:
        raise AccountRefused(f"there are {MOST_ACCOUNTS} accounts already; no more can be made")


def _refuse_text(what: str, text: str) -> None:
    if not 1 <= len(text) <= MOST_NAME:
        raise AccountRefused(f"the {what} has {len(text)} characters; it has 1 to {MOST_NAME}")
    odd = next((one for one in text if unicodedata.category(one)[0] in "CZ" and one != " "), None)
    if odd is not None:
        raise AccountRefused(f"the {what} has the character U+{ord(odd):04X}, which cannot be seen; leave it out")


def _refuse_mail(mail: str) -> None:
    _refuse_text("mail address", mail)
    local, at, domain = mail.rpartition("@")
    if not (local and at and domain) or " " in mail:
        raise AccountRefused(f"{mail!r} is no mail address; write it as name@example.org")
