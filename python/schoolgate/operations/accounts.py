"""Accounts of others: made, listed, disabled, given roles, reset. What needs two people is a request first."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from schoolgate.accounts.roles import TRUST, Role
from schoolgate.operations.account_results import (
    AccountShown,
    AccountStopped,
    ApiTokenMade,
    ApiTokenShown,
    FactorResetShown,
    GrantShown,
    LinkMade,
    ReviewShown,
    SetupToken,
)
from schoolgate.operations.registry import Personal, looks, records, sees
from schoolgate.operations.session_results import OwnSession
from schoolgate.operations.sign_in import Days, Name
from schoolgate.operations.work import Work


@looks("account.list")
async def list_accounts(work: Work) -> tuple[AccountShown, ...]:
    """Every account with its roles, requests and second factors."""
    return await (await work.accounts()).of_others.accounts(work.caller, work.now_us)


@records("account.create")
async def create(work: Work, login: Name, display_name: Name, mail: Name | None = None) -> LinkMade:
    """Makes an account, and the link by which its person chooses a password. Raises `AccountRefused`."""
    return await (await work.accounts()).of_others.create(work.caller, login, display_name, mail, work.now_us)


@records("account.disable")
async def disable(work: Work, login: Name) -> AccountStopped:
    """Disables an account at once: its sessions end, its tokens are revoked. Raises `AccountRefused`."""
    return await (await work.accounts()).of_others.disable(work.caller, login, work.now_us)


@records("account.enable")
async def enable(work: Work, login: Name) -> int:
    """Enables an account. Returns how many of its roles have to be approved again."""
    return await (await work.accounts()).of_others.enable(work.caller, login, work.now_us)


@records("account.compromised")
async def compromised(work: Work, login: Name) -> AccountStopped:
    """Takes an account for compromised: sessions, tokens, links and known browsers end, the password must change."""
    return await (await work.accounts()).of_others.compromise(work.caller, login, work.now_us)


@records("account.role")
async def role(work: Work, login: Name, role: Role, scope: Name = TRUST) -> GrantShown:
    """Grants a role, or asks for one that is granted by approval. Raises `GrantRefused`."""
    return await (await work.accounts()).of_others.grant(work.caller, login, role, scope, work.now_us)


@records("account.end_role")
async def end_role(work: Work, login: Name, role: Role, scope: Name = TRUST) -> GrantShown:
    """Ends a role, or takes its request back. Raises `GrantRefused`."""
    return await (await work.accounts()).of_others.end_role(work.caller, login, role, scope, work.now_us)


@records("account.reset_password")
async def reset_password(work: Work, login: Name) -> LinkMade:
    """Makes a link by which a person chooses a new password within the hour. It lifts no second factor."""
    return await (await work.accounts()).of_others.reset_password(work.caller, login, work.now_us)


@records("account.reset_factor")
async def reset_factor(work: Work, login: Name) -> FactorResetShown | None:
    """Removes a second factor, or asks for it where a role is granted by approval: then returns the request."""
    return await (await work.accounts()).of_others.reset_factor(work.caller, login, work.now_us)


@records("account.link_identity")
async def link_identity(
    work: Work, login: Name, provider: Name, subject: Name, directory_id: Name | None = None
) -> AccountShown:
    """Makes a person of an identity provider the account's, by the subject of its tokens. Raises `AccountRefused`."""
    accounts = await work.accounts()
    issuer = accounts.issuer_of(provider)
    return await accounts.of_others.link(work.caller, login, issuer, subject, directory_id, work.now_us)


@sees("account.sessions")
async def list_sessions(work: Work, login: Annotated[Name, Personal]) -> tuple[OwnSession, ...]:
    """The sessions of an account, with the addresses they come from."""
    return await (await work.accounts()).of_others.sessions(work.caller, login, work.now_us)


@records("account.end_sessions")
async def end_sessions(work: Work, login: Name) -> int:
    """Signs every session of an account out. Returns how many there were."""
    return await (await work.accounts()).of_others.end_sessions(work.caller, login, work.now_us)


@looks("account.review")
async def review(work: Work) -> tuple[ReviewShown, ...]:
    """Every role that is held and when its review is due, the longest unreviewed first."""
    return await (await work.accounts()).of_others.reviews(work.caller, work.now_us)


@records("account.confirm")
async def confirm(work: Work, grant: UUID) -> GrantShown:
    """Confirms a role for another quarter. Raises `GrantRefused`: also to its holder."""
    return await (await work.accounts()).of_others.confirm(work.caller, grant, work.now_us)


@looks("account.tokens")
async def tokens(work: Work, login: Name) -> tuple[ApiTokenShown, ...]:
    """The API tokens of an account."""
    return await (await work.accounts()).of_others.tokens(work.caller, login, work.now_us)


@records("account.make_token")
async def make_token(work: Work, login: Name, label: Name, scopes: tuple[Name, ...], days: Days = 90) -> ApiTokenMade:
    """Makes an API token of an account without a role that is granted by approval. Raises `AccountRefused`."""
    return await (await work.accounts()).of_others.make_token(work.caller, login, label, scopes, days, work.now_us)


@records("account.revoke_token")
async def revoke_token(work: Work, login: Name, token: UUID) -> bool:
    """Revokes one API token of an account. Raises `TokenRefused`."""
    return await (await work.accounts()).of_others.revoke_token(work.caller, login, token, work.now_us)


@records("setup.token")
async def setup_token(work: Work) -> SetupToken:
    """Writes the token that makes the first head or director to a file of its owner alone. Raises `AccountRefused`."""
    folder = work.settings.server.state_dir
    return await (await work.accounts()).of_others.write_setup_token(work.caller, folder, work.now_us)
