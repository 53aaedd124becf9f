"""Passkeys (WebAuthn level 2): registered by a session, used as second factor, for approvals, or to sign in alone.

A ceremony begins with a challenge of ours, which is used once within five minutes. Names and origins are settings: what
a browser says of itself is never believed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import webauthn
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from schoolgate.accounts import account_list, recovery_codes, second_factors, sessions
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.account_settings import MINUTE_US
from schoolgate.accounts.errors import FactorRefused, SignInRefused
from schoolgate.accounts.sessions import Session
from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import passkey, passkey_challenge
from schoolgate.storage.store import Change, Store

LIFE_US = 5 * MINUTE_US
MOST_RESPONSE = 64 * 1024
MOST_PASSKEYS = 10
# Ceremonies that have begun and not ended: anybody may begin one.
MOST_CHALLENGES, REMOVED_AT_ONCE = 4096, 256
REGISTERED, REMOVED = "account.passkey_registered", "account.passkey_removed"


class Ceremony(StrEnum):
    """What a challenge was given for."""

    register = "register"
    sign_in = "sign_in"


@dataclass(frozen=True)
class RelyingParty:
    """Us, as browsers know us: the domain, a name for people, and the origins of our pages (`https://...`)."""

    id: str
    name: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Passkey:
    """A registered passkey, without its key."""

    id: UUID
    account_id: UUID
    label: str
    created_us: int
    used_us: int | None


@dataclass(frozen=True)
class NewPasskey:
    """A passkey that was registered; with the first factor of an account come ten recovery codes, shown once."""

    passkey: Passkey
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


async def begin_registration(store: Store, session: Session, party: RelyingParty, now_us: int) -> str:
    """The options for `navigator.credentials.create()`, in JSON. Raises `FactorRefused`."""
    async with store.counting() as connection:
        await second_factors.refuse_setting_up(connection, session, now_us)
        holder = await account_list.by_id(connection, session.account_id)
        mine = passkey.c.account_id == holder.id
        known = (await connection.execute(select(passkey.c.credential_id).where(mine))).scalars().all()
        if len(known) >= MOST_PASSKEYS:
            raise FactorRefused(f"the account has {MOST_PASSKEYS} passkeys; remove one first")
        options = webauthn.generate_registration_options(
            rp_id=party.id,
            rp_name=party.name,
            user_name=holder.login,
            user_id=holder.id.bytes,
            user_display_name=holder.display_name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        )
        await _remember(connection, store.site_id, Ceremony.register, options.challenge, holder.id, now_us)
    return webauthn.options_to_json(options)


async def finish_registration(
    change: Change, session: Session, party: RelyingParty, response: str, label: str, *, now_us: int
) -> NewPasskey:
    """Registers a passkey from the browser's response in JSON; other sessions of the account end as they may wait for
    a factor too. Raises `FactorRefused`."""
    await second_factors.refuse_setting_up(change.connection, session, now_us)
    if not (1 <= len(label) <= 80 and label.isprintable()):
        raise FactorRefused("a passkey's label has 1 to 80 printable characters: say which device it is")
    holder_id, connection = session.account_id, change.connection
    challenge = _challenge_of(response)
    if challenge is None or not await _use(connection, Ceremony.register, challenge, holder_id, now_us):
        raise FactorRefused("this registration was not begun, or was finished before; begin again")
    try:
        made = webauthn.verify_registration_response(
            credential=response,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
    except Exception as error:  # whatever a parser raises for what a browser sent
        raise FactorRefused(f"the passkey was not registered: {type(error).__name__}; begin again") from error
    taken = select(passkey.c.id).where(passkey.c.credential_id == made.credential_id)
    if (await connection.execute(taken)).first() is not None:
        raise FactorRefused("this passkey is registered already; use another device")
    is_first = not (await second_factors.factors_of(connection, holder_id)).has_any
    values = {"id": uuid7(now_us), "account_id": holder_id, "label": label, "created_us": now_us, "used_us": None}
    key = {"credential_id": made.credential_id, "public_key": made.credential_public_key, "sign_count": made.sign_count}
    await connection.execute(passkey.insert().values(site_id=change.site_id, **values, **key))
    codes = await recovery_codes.make(change, holder_id, now_us) if is_first else ()
    actor = actor_id(holder_id)
    await append(
        change, Event(now_us, actor, REGISTERED, detail={"account": str(holder_id), "passkey": str(values["id"])})
    )
    await sessions.end_all(
        change, holder_id, why="a second factor was set up", actor=actor, now_us=now_us, but=session.id
    )
    return NewPasskey(Passkey(**values), codes)  # type: ignore[arg-type]


async def begin_sign_in(store: Store, party: RelyingParty, now_us: int, session: Session | None = None) -> str:
    """The options for `navigator.credentials.get()`, in JSON: for the account of a session that gives its second
    factor, or for whichever account the passkey is of."""
    account_id = None if session is None else session.account_id
    async with store.counting() as connection:
        known: list[PublicKeyCredentialDescriptor] = []
        if account_id is not None:
            mine = select(passkey.c.credential_id).where(passkey.c.account_id == account_id)
            known = [PublicKeyCredentialDescriptor(id=one) for one in (await connection.execute(mine)).scalars()]
        options = webauthn.generate_authentication_options(
            rp_id=party.id,
            allow_credentials=known,
            user_verification=UserVerificationRequirement.REQUIRED
            if session is None
            else UserVerificationRequirement.PREFERRED,
        )
        await _remember(connection, store.site_id, Ceremony.sign_in, options.challenge, account_id, now_us)
    return webauthn.options_to_json(options)


async def accept(
    change: Change, party: RelyingParty, response: str, now_us: int, account_id: UUID | None = None
) -> UUID:
    """The account whose passkey signed our challenge. `account_id`: only of this account, as a second factor; else the
    person was verified too (PIN, finger). Raises `SignInRefused`. The caller appends the entry."""
    challenge, credential_id = _challenge_of(response), _credential_of(response)
    if challenge is None or not await _use(change.connection, Ceremony.sign_in, challenge, account_id, now_us):
        raise SignInRefused
    rows = passkey.c
    wanted = select(passkey).where(rows.site_id == change.site_id, rows.credential_id == credential_id)
    row = (await change.connection.execute(wanted)).one_or_none()
    if row is None or account_id not in (None, row.account_id):
        raise SignInRefused
    try:
        found = webauthn.verify_authentication_response(
            credential=response,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=row.public_key,
            # Refused where it did not grow: the passkey was copied.
            credential_current_sign_count=row.sign_count,
            require_user_verification=account_id is None,
        )
    except Exception as error:  # whatever a parser raises for what a browser sent
        raise SignInRefused from error
    used = {"sign_count": found.new_sign_count, "used_us": now_us}
    await change.connection.execute(update(passkey).where(rows.id == row.id).values(**used))
    return UUID(str(row.account_id))


async def own_passkeys(store: Store, account_id: UUID) -> list[Passkey]:
    """The passkeys of an account, oldest first."""
    wanted = select(passkey).where(passkey.c.account_id == account_id).order_by(passkey.c.id)
    async with store.reading() as connection:
        return [_passkey(row) for row in await connection.execute(wanted)]


async def remove(change: Change, session: Session, passkey_id: UUID, *, now_us: int) -> None:
    """Removes a passkey of a session's account, which gave a factor within five minutes and keeps one where its roles
    need one. Raises `FactorRefused`."""
    await second_factors.refuse_setting_up(change.connection, session, now_us)
    one = (passkey.c.id == passkey_id, passkey.c.account_id == session.account_id)
    if not (await change.connection.execute(delete(passkey).where(*one))).rowcount:
        raise FactorRefused("the account has no such passkey")
    is_needed = await second_factors.is_needed(change.connection, session.account_id)
    if is_needed and not (await second_factors.factors_of(change.connection, session.account_id)).has_any:
        raise FactorRefused(
            "it is the last second factor, and the roles of this account need one; set up another first"
        )
    actor = actor_id(session.account_id)
    await append(
        change, Event(now_us, actor, REMOVED, detail={"account": str(session.account_id), "passkey": str(passkey_id)})
    )


async def _remember(
    connection: AsyncConnection,
    site_id: UUID,
    purpose: Ceremony,
    challenge: bytes,
    account_id: UUID | None,
    now_us: int,
) -> None:
    rows = passkey_challenge.c
    await connection.execute(delete(passkey_challenge).where(rows.created_us <= now_us - LIFE_US))
    if (await connection.execute(select(func.count()).select_from(passkey_challenge))).scalar_one() >= MOST_CHALLENGES:
        oldest = select(rows.id).order_by(rows.created_us, rows.id).limit(REMOVED_AT_ONCE)
        await connection.execute(delete(passkey_challenge).where(rows.id.in_(oldest)))
    row = {"id": uuid7(now_us), "site_id": site_id, "purpose": purpose, "challenge": challenge, "created_us": now_us}
    await connection.execute(passkey_challenge.insert().values(**row, account_id=account_id))


async def _use(
    connection: AsyncConnection, purpose: Ceremony, challenge: bytes, account_id: UUID | None, now_us: int
) -> bool:
    """Uses a challenge up; whether it was given for this, to this account, within five minutes."""
    rows = passkey_challenge.c
    whose = rows.account_id.is_(None) if account_id is None else rows.account_id == account_id
    one = (rows.challenge == challenge, rows.purpose == purpose, rows.created_us > now_us - LIFE_US, whose)
    return bool((await connection.execute(delete(passkey_challenge).where(*one))).rowcount)


def _challenge_of(response: str) -> bytes | None:
    """The challenge that a response says it answers; None where it is no response."""
    try:
        data = orjson.loads(_octets(_parsed(response)["response"]["clientDataJSON"]))
        return _octets(data["challenge"])
    except (ValueError, KeyError, TypeError):
        return None


def _credential_of(response: str) -> bytes:
    try:
        return _octets(_parsed(response)["id"])
    except (ValueError, KeyError, TypeError):
        return b""


def _parsed(response: str) -> Any:
    if len(response) > MOST_RESPONSE:
        raise ValueError("too long")
    return orjson.loads(response)


def _octets(text: Any) -> bytes:
    """Base64url without padding (RFC 4648 section 5). Raises `ValueError`, `TypeError`."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no base64url") from error


def _passkey(row: Any) -> Passkey:
    return Passkey(**{name: getattr(row, name) for name in Passkey.__dataclass_fields__})
