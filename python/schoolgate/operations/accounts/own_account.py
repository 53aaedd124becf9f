"""What each account does about itself, by its session: further steps of a sign-in, factors, sessions, the password."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

from schoolgate.operations.accounts.account_results import ApiTokenMade, ApiTokenShown
from schoolgate.operations.accounts.session_results import (
    Enrolled,
    OwnFactors,
    OwnSession,
    SignInStep,
    TotpStart,
    Whoami,
)
from schoolgate.operations.accounts.sign_in import Answer, Days, Name, Secret
from schoolgate.operations.registry import own
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone


@own("session.totp")
async def totp(work: Work, code: Name) -> SignInStep:
    """Takes the code of an authenticator app, as second step or as a fresh factor. Raises `SignInRefused`."""
    return await (await work.accounts()).totp(work.caller, code, work.now_us)


@own("session.recovery_code")
async def recovery_code(work: Work, code: Name) -> SignInStep:
    """Takes a recovery code in place of the second factor. Raises `SignInRefused`."""
    return await (await work.accounts()).recovery_code(work.caller, code, work.now_us)


@own("session.enrol_totp_start")
async def enrol_totp_start(work: Work, password: Secret | None = None) -> TotpStart:
    """Begins to set up an authenticator app.

    `password`: of an account that has no factor and is signed in already. Raises `FactorRefused`, `FactorNeeded`,
    `SignInRefused`.
    """
    return await (await work.accounts()).own.start_totp(work.caller, password, work.now_us)


@own("session.enrol_totp")
async def enrol_totp(work: Work, code: Name) -> Enrolled:
    """Ends the setting up of an authenticator app by its first code. Raises `FactorRefused`."""
    return await (await work.accounts()).own.enrol_totp(work.caller, code, work.now_us)


@own("session.enrol_passkey_start")
async def enrol_passkey_start(work: Work, password: Secret | None = None) -> str:
    """Options for `navigator.credentials.create()`, in JSON.

    `password`: as for an authenticator app. Raises `FactorRefused`, `FactorNeeded`, `SignInRefused`.
    """
    return await (await work.accounts()).own.start_passkey(work.caller, password, work.now_us)


@own("session.enrol_passkey")
async def enrol_passkey(work: Work, answer: Answer, label: Name) -> Enrolled:
    """Registers a passkey by the browser's answer. Raises `FactorRefused`."""
    return await (await work.accounts()).own.enrol_passkey(work.caller, answer, label, work.now_us)


@own("session.factors")
async def factors(work: Work) -> OwnFactors:
    """Lists the second factors of the account."""
    return await (await work.accounts()).own.factors(work.caller)


@own("session.remove_passkey")
async def remove_passkey(work: Work, passkey: UUID) -> OwnFactors:
    """Removes a passkey. Raises `FactorRefused`: also for the last factor that a role needs."""
    return await (await work.accounts()).own.remove_passkey(work.caller, passkey, work.now_us)


@own("session.choose_password")
async def choose_password(work: Work, password: Secret) -> SignInStep:
    """Takes the new password of a sign-in that waits for one. Raises `PasswordRefused`, `SignInRefused`."""
    return await (await work.accounts()).own.choose_password(work.caller, password, work.now_us)


@own("session.change_password")
async def change_password(work: Work, old: Secret, new: Secret) -> Whoami:
    """Changes the password; other sessions end. Raises `FactorNeeded`, `SignInRefused`, `PasswordRefused`."""
    accounts = await work.accounts()
    await accounts.own.change_password(work.caller, old, new, work.now_us)
    return await accounts.own.show(work.caller, work.now_us)


@own("session.show")
async def show(work: Work) -> Whoami:
    """Says who is signed in, in which roles, and until when."""
    zone = await asyncio.to_thread(school_zone, work.settings)
    shown = await (await work.accounts()).own.show(work.caller, work.now_us)
    asks_first = tuple(sorted(work.asks_first))
    return replace(shown, time_zone="" if zone is None else zone.key, asks_first=asks_first)


@own("session.end")
async def end(work: Work) -> bool:
    """Signs this session out."""
    return await (await work.accounts()).own.end(work.caller, None, work.now_us)


@own("session.list")
async def list_sessions(work: Work) -> tuple[OwnSession, ...]:
    """Lists the sessions of the account, newest first."""
    return await (await work.accounts()).own.sessions(work.caller, work.now_us)


@own("session.end_one")
async def end_one(work: Work, session_id: UUID) -> bool:
    """Signs one session of the account out. Raises `SessionEnded` where it has none such."""
    return await (await work.accounts()).own.end(work.caller, session_id, work.now_us)


@own("session.compromised")
async def compromised(work: Work) -> int:
    """Takes the own account for compromised: its sessions end, the password must change. Returns how many ended."""
    return await (await work.accounts()).own.compromise(work.caller, work.now_us)


@own("session.make_token")
async def make_token(work: Work, label: Name, scopes: tuple[Name, ...], days: Days = 90) -> ApiTokenMade:
    """Makes an API token of the account, for the operations that its scopes name. Raises `AccountRefused`."""
    return await (await work.accounts()).own.make_token(work.caller, label, scopes, days, work.now_us)


@own("session.tokens")
async def tokens(work: Work) -> tuple[ApiTokenShown, ...]:
    """Lists the API tokens of the account."""
    return await (await work.accounts()).own.tokens(work.caller, work.now_us)


@own("session.revoke_token")
async def revoke_token(work: Work, token: UUID) -> bool:
    """Revokes one API token of the account. Raises `TokenRefused`."""
    return await (await work.accounts()).own.revoke_token(work.caller, token, work.now_us)
