"""The first head or director: made once, with a token in a file that the service's user alone reads.

There is no default password. Afterwards no token makes another one: an approving role is granted by approval.
"""

from __future__ import annotations

from pathlib import Path

from schoolgate.accounts import account_list, grants, one_time_tokens, passwords
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.account_settings import DAY_US
from schoolgate.accounts.errors import AccountRefused, TokenRefused
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.one_time_tokens import Purpose
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.roles import APPROVES_GRANTS, TRUST, Role
from schoolgate.accounts.secrets_shown_once import new_token, token_hash
from schoolgate.audit.event import Event
from schoolgate.storage.atomic_file import PRIVATE, write_whole
from schoolgate.storage.audit_log import append
from schoolgate.storage.store import Change, Store

LIFE_US = DAY_US
FILE_NAME = "setup-token"
TOKEN_MADE, FIRST_ACCOUNT = "setup.token_made", "setup.first_account"


async def write_token(change: Change, path: Path, *, actor: str, now_us: int) -> int:
    """Writes a token to a file with mode 0600; returns when it expires. Raises `AccountRefused`, `TokenRefused`."""
    await _refuse_second(change)
    token, expires_us = new_token(), now_us + LIFE_US
    await one_time_tokens.store(
        change, Purpose.first_run, token_hash(token), account_id=None, expires_us=expires_us, actor=actor, now_us=now_us
    )
    try:
        write_whole(path, f"{token}\n".encode(), PRIVATE)
    except OSError as error:
        raise TokenRefused(f"{path}: {error.strerror}; no token was made: check rights and space") from error
    await append(change, Event(now_us, actor, TOKEN_MADE, detail={"expires_us": expires_us}))
    return expires_us


async def look(store: Store, token: str, now_us: int) -> None:
    """Raises `TokenRefused` unless the token may be used. It is not used up."""
    async with store.reading() as connection:
        await one_time_tokens.look(connection, Purpose.first_run, token_hash(token.strip()), now_us)


async def look_before_any_account(store: Store, token: str, now_us: int) -> None:
    """The same, and raises `TokenRefused` too where there was a head or a director: then people sign in."""
    await look(store, token, now_us)
    async with store.reading() as connection:
        if await grants.had_approver_at(connection, store.site_id):
            raise TokenRefused("this installation has accounts; sign in")


async def make_first_account(
    store: Store,
    rules: Passwords,
    token: str,
    login: str,
    display_name: str,
    password: str,
    role: Role,
    *,
    now_us: int,
    mail: str | None = None,
) -> Account:
    """Makes the first head or director and uses the token up. It sets up its second factor at its first sign-in.

    Raises `TokenRefused`, `PasswordRefused`, `AccountRefused`; the token stays then.
    """
    if role not in APPROVES_GRANTS:
        raise AccountRefused(
            f"the first account is a {' or a '.join(sorted(APPROVES_GRANTS))}, who approves other roles"
        )
    await look(store, token, now_us)
    hashed = await passwords.prepare_for_new(rules, (login, display_name), password, now_us, has_second_factor=True)
    async with store.change() as change:
        await one_time_tokens.use(change, Purpose.first_run, token_hash(token.strip()), now_us)
        await _refuse_second(change)
        actor = "setup"
        made = await account_list.create(change, login, display_name, mail=mail, actor=actor, now_us=now_us)
        await passwords.store_hash(change, made.id, hashed, actor=actor, now_us=now_us)
        await grants.insert(change, made.id, role, TRUST, GrantState.active, actor=actor, now_us=now_us)
        await append(change, Event(now_us, actor, FIRST_ACCOUNT, detail={"account": str(made.id)}))
    return made


async def _refuse_second(change: Change) -> None:
    if await grants.had_approver(change):
        raise AccountRefused(
            "this installation had a head or a director already; an existing one approves others, and where there is"
            " none any more, the break-glass code is used"
        )
