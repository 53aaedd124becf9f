"""Accounts of others: made, listed, disabled, given roles, reset. What needs two people is a request first."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from schoolgate.accounts.roles import TRUST, Role
from schoolgate.operations import openings
from schoolgate.operations.accounts.account_results import (
    AccountShown,
    AccountStopped,
    ApiTokenMade,
    ApiTokenShown,
    FactorResetShown,
    GrantShown,
    LinkMade,
    ReviewShown,
    SetupToken,
    account_shown,
    grant_shown,
    link_made,
    reset_shown,
    review_shown,
    same,
    stopped,
    token_made,
)
from schoolgate.operations.accounts.session_results import OwnSession
from schoolgate.operations.accounts.sign_in import Days, Name
from schoolgate.operations.registry import Personal, looks, records, sees
from schoolgate.operations.work import Work


@looks("account.list")
async def list_accounts(work: Work) -> tuple[AccountShown, ...]:
    """Every account with its roles, requests and second factors."""
    return tuple(map(account_shown, await (await work.administration()).accounts()))


@records("account.create")
async def create(work: Work, login: Name, display_name: Name, mail: Name | None = None) -> LinkMade:
    """Makes an account, and the link by which its person chooses a password. Raises `AccountRefused`."""
    return link_made(await (await work.administration()).create(login, display_name, mail))


@records("account.disable")
async def disable(work: Work, login: Name) -> AccountStopped:
    """Disables an account at once: sessions end, tokens are revoked. Raises `AccountRefused`, `NotPermitted`."""
    await openings.refuse_without_decider(work, "account.disable", login)
    return stopped(await (await work.administration()).disable(login))


@records("account.enable")
async def enable(work: Work, login: Name) -> int:
    """Enables an account. Returns how many of its roles have to be approved again."""
    return await (await work.administration()).enable(login)


@records("account.compromised")
async def compromised(work: Work, login: Name) -> AccountStopped:
    """Takes an account for compromised: sessions, tokens, links and known browsers end, the password must change."""
    done = await (await work.administration()).compromise(login)
    await (await work.accounts()).notices.compromised(done.account, work.now_us)
    return stopped(done)


@records("account.role")
async def role(work: Work, login: Name, role: Role, scope: Name = TRUST) -> GrantShown:
    """Grants a role, or asks for one that is granted by approval. Raises `GrantRefused`."""
    return grant_shown(await (await work.administration()).grant(login, role, scope))


@records("account.end_role")
async def end_role(work: Work, login: Name, role: Role, scope: Name = TRUST) -> GrantShown:
    """Ends a role, or takes its request back. Raises `GrantRefused`, `NotPermitted`."""
    await openings.refuse_without_decider(work, "account.end_role", login, role)
    return grant_shown(await (await work.administration()).end_role(login, role, scope))


@records("account.reset_password")
async def reset_password(work: Work, login: Name) -> LinkMade:
    """Makes a link by which a person chooses a new password within the hour. It lifts no second factor."""
    return link_made(await (await work.administration()).reset_password(login))


@records("account.reset_factor")
async def reset_factor(work: Work, login: Name) -> FactorResetShown | None:
    """Removes a second factor, or asks for it where a role is granted by approval: then returns the request."""
    holder, asked = await (await work.administration()).reset_factor(login)
    if asked is not None:
        return reset_shown(asked, holder)
    await (await work.accounts()).notices.factor_was_reset(holder, work.now_us)
    return None


@records("account.link_identity")
async def link_identity(
    work: Work, login: Name, provider: Name, subject: Name, directory_id: Name | None = None
) -> AccountShown:
    """Makes a person of an identity provider the account's, by the subject of its tokens. Raises `AccountRefused`."""
    issuer = (await work.accounts()).issuer_of(provider)
    acting = await work.administration()
    linked = await acting.link_identity(login, issuer, subject, directory_id)
    return next(account_shown(one) for one in await acting.accounts() if one.account.id == linked.id)


@sees("account.sessions")
async def list_sessions(work: Work, login: Annotated[Name, Personal]) -> tuple[OwnSession, ...]:
    """The sessions of an account, with the addresses they come from."""
    found = await (await work.administration()).sessions(login)
    return tuple(same(OwnSession, one, is_this=False) for one in found)


@records("account.end_sessions")
async def end_sessions(work: Work, login: Name) -> int:
    """Signs every session of an account out. Returns how many there were."""
    return await (await work.administration()).end_sessions(login)


@looks("account.review")
async def review(work: Work) -> tuple[ReviewShown, ...]:
    """Every role that is held and when its review is due, the longest unreviewed first."""
    return tuple(review_shown(one, work.now_us) for one in await (await work.administration()).reviews())


@records("account.confirm")
async def confirm(work: Work, grant: UUID) -> GrantShown:
    """Confirms a role for another quarter. Raises `GrantRefused`: also to its holder."""
    _, found = await (await work.administration()).confirm_role(grant)
    return grant_shown(found)


@looks("account.tokens")
async def tokens(work: Work, login: Name) -> tuple[ApiTokenShown, ...]:
    """The API tokens of an account."""
    return tuple(same(ApiTokenShown, one) for one in await (await work.administration()).tokens(login))


@records("account.make_token")
async def make_token(work: Work, login: Name, label: Name, scopes: tuple[Name, ...], days: Days = 90) -> ApiTokenMade:
    """Makes an API token of an account without a role that is granted by approval. Raises `AccountRefused`."""
    return token_made(await (await work.administration()).make_token(login, label, scopes, days))


@records("account.revoke_token")
async def revoke_token(work: Work, login: Name, token: UUID) -> bool:
    """Revokes one API token of an account. Raises `TokenRefused`."""
    await (await work.administration()).revoke_token(login, token)
    return True


@records("setup.token")
async def setup_token(work: Work) -> SetupToken:
    """Writes the token that makes the first head or director to a file of its owner alone. Raises `AccountRefused`."""
    from schoolgate.accounts.first_run import FILE_NAME

    path = work.settings.server.state_dir / FILE_NAME
    return SetupToken(str(path), await (await work.administration()).write_setup_token(path))
