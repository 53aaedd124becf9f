"""The steps of a sign-in that need no session: passwords, passkeys, identity providers, links, the first account.

Each failure reads the same, so that no name of an account is found out.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schoolgate.operations.accounts.session_results import (
    BreakGlassOpened,
    IdentityProviderName,
    LinkHolder,
    OidcStart,
    SignInStep,
)
from schoolgate.operations.registry import anyone
from schoolgate.operations.work import Work

# Longer than any of them is; what is longer still is no request of a person.
Name = Annotated[str, Field(max_length=1_000)]
Secret = Annotated[str, Field(max_length=4_000)]
Days = Annotated[int, Field(ge=1, le=366)]
Answer = Annotated[str, Field(max_length=64 * 1024)]


@anyone("session.begin")
async def begin(work: Work, login: Name, password: Secret, device: Secret | None = None) -> SignInStep:
    """Begins a sign-in by password. Raises `SignInRefused`, the same for every reason."""
    return await (await work.accounts()).begin(work.caller, login, password, device, work.now_us)


@anyone("session.offers_passkeys")
async def offers_passkeys(work: Work) -> bool:
    """Says whether passkeys are set up here."""
    return bool(work.settings.accounts.passkey_domain)


@anyone("session.passkey_options")
async def passkey_options(work: Work) -> str:
    """Options for `navigator.credentials.get()`, in JSON: for the session's account, else for any passkey."""
    return await (await work.accounts()).passkey_options(work.caller, work.now_us)


@anyone("session.passkey")
async def passkey(work: Work, answer: Answer, device: Secret | None = None) -> SignInStep:
    """Takes a passkey's answer: as second factor of a session, else as a sign-in by itself. Raises `SignInRefused`."""
    return await (await work.accounts()).passkey(work.caller, answer, device, work.now_us)


@anyone("session.look_link")
async def look_link(work: Work, token: Secret) -> LinkHolder:
    """Says whose password a link sets, and uses nothing up. Raises `TokenRefused`."""
    return await (await work.accounts()).look_link(token, work.now_us)


@anyone("session.redeem_link")
async def redeem_link(work: Work, token: Secret, password: Secret) -> LinkHolder:
    """Sets a password by a link, which is used up. Raises `TokenRefused`, `PasswordRefused`."""
    return await (await work.accounts()).redeem_link(token, password, work.now_us)


@anyone("session.look_first_run")
async def look_first_run(work: Work, token: Secret) -> bool:
    """Says that the token of the first run may be used, and uses nothing up. Raises `TokenRefused`."""
    return await (await work.accounts()).look_first_run(token, work.now_us)


@anyone("session.first_run")
async def first_run(
    work: Work,
    token: Secret,
    login: Name,
    display_name: Name,
    password: Secret,
    role: Literal["head", "trust_director"] = "head",
) -> LinkHolder:
    """Makes the first head or director. Raises `TokenRefused`, `PasswordRefused`, `AccountRefused`."""
    accounts = await work.accounts()
    return await accounts.first_run(token, login, display_name, password, role, work.now_us)


@anyone("session.providers")
async def providers(work: Work) -> tuple[IdentityProviderName, ...]:
    """Lists the identity providers of the settings."""
    found = work.settings.accounts.providers.items()
    return tuple(IdentityProviderName(name, one.name) for name, one in found)


@anyone("session.oidc_start")
async def oidc_start(work: Work, provider: Name) -> OidcStart:
    """Begins a sign-in at an identity provider. Raises `ProviderRefused`."""
    return await (await work.accounts()).oidc_start(work.caller, provider, work.now_us)


@anyone("session.oidc_finish")
async def oidc_finish(
    work: Work, provider: Name, answer: dict[Name, Answer], cookie: Secret, device: Secret | None = None
) -> SignInStep:
    """Takes the answer of an identity provider: the query it sent, and the cookie of the browser that began.

    Raises `ProviderRefused`, `SignInRefused`.
    """
    return await (await work.accounts()).oidc_finish(work.caller, provider, answer, cookie, device, work.now_us)


@anyone("session.break_glass")
async def break_glass(work: Work, code: Secret) -> BreakGlassOpened:
    """Uses the sealed code up and opens a session. Raises `SignInRefused`, `TokenRefused`."""
    return await (await work.accounts()).break_glass(work.caller, code, work.now_us)
