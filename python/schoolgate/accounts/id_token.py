"""An ID token (OpenID Connect Core 3.1.3.7): who signed in, as far as the provider of the settings vouches for it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from schoolgate.accounts.account_settings import SECOND_US
from schoolgate.accounts.errors import ProviderRefused
from schoolgate.accounts.roles import Role

# Never "none", and no HMAC: a public key would be its secret.
ALGORITHMS = ["RS256", "PS256", "ES256"]
LEEWAY_S = 60
MOST_TOKEN = 64 * 1024
MOST_SUBJECT = 255


class Kind(StrEnum):
    """Whose rules hold besides the standard's."""

    plain = "plain"
    entra = "entra"
    google = "google"


@dataclass(frozen=True)
class Provider:
    """An identity provider from the settings.

    `issuer`: exactly as in its tokens. `tenant`: the tenant that Entra's tokens must name; `hosted_domain`: the domain
    that Google's must. `app_roles`: what a role of the token is here. `vouches_for_factor`: its "mfa" counts as one.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str = field(repr=False)
    kind: Kind = Kind.plain
    tenant: str = ""
    hosted_domain: str = ""
    app_roles: Mapping[str, tuple[Role, str]] = field(default_factory=dict)
    vouches_for_factor: bool = False

    def __post_init__(self) -> None:
        if self.kind is Kind.entra and not self.tenant:
            raise ProviderRefused("Entra needs the tenant whose accounts may sign in; name it in the settings")
        if self.kind is Kind.google and not self.hosted_domain:
            raise ProviderRefused("Google needs the domain whose accounts may sign in; name it in the settings")


@dataclass(frozen=True)
class Identity:
    """Who signed in at the provider: issuer and subject are the key of the account, never a mail address.

    `directory_id`: the same person in the directory that leavers are read from. `roles`: roles here, with scopes.
    """

    issuer: str
    subject: str
    directory_id: str
    roles: frozenset[tuple[Role, str]]
    has_second_factor: bool


def validated(token: str, keys: KeySet, provider: Provider, nonce: str, now_us: int) -> Identity:
    """The identity in an ID token. Raises `ProviderRefused` that names what does not fit."""
    if len(token) > MOST_TOKEN:
        raise ProviderRefused("the provider's token is too long")
    now_s = now_us // SECOND_US
    wanted = jwt.JWTClaimsRegistry(
        now=now_s,
        leeway=LEEWAY_S,
        iss={"essential": True, "value": provider.issuer},
        sub={"essential": True},
        aud={"essential": True, "value": provider.client_id},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        wanted.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderRefused(f"the provider's token does not hold: {error}") from error
    _refuse_claims(claims, provider, nonce)
    return _identity(claims, provider)


def _refuse_claims(claims: Mapping[str, Any], provider: Provider, nonce: str) -> None:
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise ProviderRefused("the provider's token belongs to another sign-in (nonce)")
    audiences = claims["aud"]
    is_for_others = isinstance(audiences, list) and len(audiences) > 1
    if ("azp" in claims or is_for_others) and claims.get("azp") != provider.client_id:
        raise ProviderRefused("the provider's token was made for another application (azp)")
    if not (isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= MOST_SUBJECT):
        raise ProviderRefused("the provider's token names no subject")
    if provider.kind is Kind.entra and claims.get("tid") != provider.tenant:
        raise ProviderRefused("the account is of another tenant (tid); it may not sign in here")
    if provider.kind is Kind.google and claims.get("hd") != provider.hosted_domain:
        raise ProviderRefused("the account is of another domain (hd); it may not sign in here")


def _identity(claims: Mapping[str, Any], provider: Provider) -> Identity:
    given = claims.get("roles")
    named = given if isinstance(given, list) else []
    roles = frozenset(provider.app_roles[one] for one in named if isinstance(one, str) and one in provider.app_roles)
    methods = claims.get("amr")
    is_mfa = isinstance(methods, list) and "mfa" in methods
    # Entra's subject differs for each application; its directory knows the object identifier.
    directory_id = claims.get("oid") if provider.kind is Kind.entra else claims["sub"]
    return Identity(
        issuer=provider.issuer,
        subject=claims["sub"],
        directory_id=directory_id if isinstance(directory_id, str) else "",
        roles=roles,
        has_second_factor=provider.vouches_for_factor and is_mfa,
    )
