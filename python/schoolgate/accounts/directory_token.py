"""The access token with which the list of people is read: by the installation itself, with no person signed in.

Microsoft Entra: client credentials (RFC 6749 section 4.4). Google: a service account's signed assertion (RFC 7523) in
the name of an administrator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from schoolgate.accounts.errors import DirectoryUnusable, ProviderRefused
from schoolgate.accounts.provider_http import Reply, get_json, post_form

GOOGLE_SCOPE = "https://www.googleapis.com/auth/admin.directory.user.readonly"
_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE_S = 600


@dataclass(frozen=True)
class ServiceAccount:
    """A Google service account's key file, read: whose it is, where tokens are given, and its private key in PEM."""

    mail: str
    token_address: str
    key: str = field(repr=False)

    @classmethod
    def parse(cls, said: Any) -> ServiceAccount:
        """Of the file's JSON. Raises `DirectoryUnusable`."""
        names = ("client_email", "token_uri", "private_key")
        if not isinstance(said, dict) or not all(isinstance(said.get(one), str) and said[one] for one in names):
            raise DirectoryUnusable(
                f"the key file has no {', '.join(names)}; download the service account's key as JSON"
            )
        return cls(*(said[one] for one in names))


async def of_entra(http: aiohttp.ClientSession, issuer: str, client_id: str, secret: str, scope: str) -> str:
    """A token for `scope`, from the token endpoint that the issuer names. Raises `DirectoryUnusable`."""
    try:
        said = await get_json(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        address = said.json.get("token_endpoint") if isinstance(said.json, dict) else None
        if not isinstance(address, str):
            raise DirectoryUnusable(f"{issuer} does not say where tokens are given (status {said.status})")
        asked = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
        return _token(await post_form(http, address, asked))
    except ProviderRefused as error:
        raise DirectoryUnusable(f"the directory gave no token: {error}") from error


async def of_google(http: aiohttp.ClientSession, account: ServiceAccount, admin: str, now_s: int) -> str:
    """A token to read users in the name of the administrator `admin`. Raises `DirectoryUnusable`."""
    claims: Mapping[str, str | int] = {
        "iss": account.mail, "sub": admin, "scope": GOOGLE_SCOPE, "aud": account.token_address,
        "iat": now_s, "exp": now_s + LIFE_S,
    }  # fmt: skip
    try:
        assertion = jwt.encode({"alg": "RS256"}, dict(claims), RSAKey.import_key(account.key))
    except (JoseError, ValueError, TypeError) as error:
        raise DirectoryUnusable(f"the key file's private key cannot be used ({type(error).__name__})") from error
    try:
        return _token(await post_form(http, account.token_address, {"grant_type": _ASSERTION, "assertion": assertion}))
    except ProviderRefused as error:
        raise DirectoryUnusable(f"the directory gave no token: {error}") from error


def _token(reply: Reply) -> str:
    said = reply.json if isinstance(reply.json, dict) else {}
    token = said.get("access_token")
    if reply.status != 200 or not isinstance(token, str) or not token:
        why = said.get("error") if isinstance(said.get("error"), str) else f"status {reply.status}"
        raise DirectoryUnusable(f"the directory gave no token ({str(why)[:80]}): check the secret and its rights")
    return token
