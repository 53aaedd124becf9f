"""Sign-in at an identity provider: OpenID Connect, authorisation code with PKCE (RFC 7636), state, nonce.

Its answer counts only in the browser that began, once, within ten minutes, and only from the provider that was asked
(RFC 9207 where it says who it is).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete, func, select
from yarl import URL

from schoolgate.accounts.account_settings import HOUR_US, MINUTE_US
from schoolgate.accounts.errors import ProviderRefused
from schoolgate.accounts.id_token import Identity, Provider, validated
from schoolgate.accounts.provider_http import get_json, post_form, refuse_plain
from schoolgate.accounts.secrets_shown_once import new_token, token_hash
from schoolgate.storage.ids import uuid7
from schoolgate.storage.schema import oidc_request
from schoolgate.storage.store import Store

LIFE_US = 10 * MINUTE_US
# Sign-ins that have begun and not come back: anybody may begin one.
MOST_REQUESTS, REMOVED_AT_ONCE = 4096, 256
KEPT_US = HOUR_US


@dataclass(frozen=True)
class Redirect:
    """Where to send the browser, and the value of the cookie by which it is known again."""

    address: str
    state: str = field(repr=False)


@dataclass(frozen=True)
class _Known:
    authorisation: str
    token: str
    keys: KeySet
    at_us: int


class OidcClient:
    """Signs in at one provider. Keeps what it says of itself, and its keys, for an hour."""

    def __init__(self, http: aiohttp.ClientSession, store: Store, provider: Provider) -> None:
        self._http = http
        self._store = store
        self._provider = provider
        self._known: _Known | None = None

    async def begin(self, now_us: int) -> Redirect:
        """Begins a sign-in. Raises `ProviderRefused`."""
        known = await self._discovered(now_us)
        state, nonce, verifier = new_token(), new_token(), new_token()
        await _remember(self._store, self._provider.issuer, state, nonce, verifier, now_us)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._provider.redirect_uri,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return Redirect(str(URL(known.authorisation).update_query(asked)), state)

    async def finish(self, answer: Mapping[str, str], cookie: str, now_us: int) -> Identity:
        """Who signed in. `answer`: the query of the redirect back; `cookie`: the state that this browser kept.

        Raises `ProviderRefused`; the sign-in begins anew then.
        """
        state, issuer = answer.get("state", ""), self._provider.issuer
        if not state or not hmac.compare_digest(state.encode(), cookie.encode()):
            raise ProviderRefused("the sign-in was not begun in this browser; begin it again")
        nonce, verifier = await _use(self._store, issuer, state, now_us)
        if answer.get("iss", issuer) != issuer:
            raise ProviderRefused("another provider answered than the one that was asked")
        if "code" not in answer:
            raise ProviderRefused(f"the provider refused the sign-in ({answer.get('error', 'no code')[:80]!r})")
        known = await self._discovered(now_us)
        token = await self._exchanged(known, answer["code"], verifier)
        try:
            return validated(token, known.keys, self._provider, nonce, now_us)
        except ProviderRefused:
            if now_us - known.at_us < MINUTE_US:
                raise
        # Keys are replaced without notice: read them again, at most once a minute.
        self._known = None
        return validated(token, (await self._discovered(now_us)).keys, self._provider, nonce, now_us)

    async def _exchanged(self, known: _Known, code: str, verifier: str) -> str:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._provider.redirect_uri,
            "client_id": self._provider.client_id,
            "client_secret": self._provider.client_secret,
            "code_verifier": verifier,
        }
        reply = await post_form(self._http, known.token, fields)
        token = reply.json.get("id_token") if isinstance(reply.json, dict) else None
        if reply.status != 200 or not isinstance(token, str):
            raise ProviderRefused(f"the provider gave no token (status {reply.status}); begin the sign-in again")
        return token

    async def _discovered(self, now_us: int) -> _Known:
        if self._known is not None and 0 <= now_us - self._known.at_us < KEPT_US:
            return self._known
        issuer = self._provider.issuer
        said = await self._document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            raise ProviderRefused(f"{issuer} says that it is another issuer; correct the settings")
        places = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        addresses = [str(refuse_plain(one if isinstance(one, str) else "")) for one in places]
        keys: Any = await self._document(addresses[2])
        try:
            made = KeySet.import_key_set(keys)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefused(f"{issuer} has no usable keys: {error}") from error
        self._known = _Known(addresses[0], addresses[1], made, now_us)
        return self._known

    async def _document(self, address: str) -> dict[str, Any]:
        reply = await get_json(self._http, address)
        if reply.status != 200 or not isinstance(reply.json, dict):
            raise ProviderRefused(f"{address} gave no document (status {reply.status})")
        return reply.json


async def _remember(store: Store, issuer: str, state: str, nonce: str, verifier: str, now_us: int) -> None:
    rows = oidc_request.c
    async with store.counting() as connection:
        await connection.execute(delete(oidc_request).where(rows.created_us <= now_us - LIFE_US))
        if (await connection.execute(select(func.count()).select_from(oidc_request))).scalar_one() >= MOST_REQUESTS:
            oldest = select(rows.id).order_by(rows.created_us, rows.id).limit(REMOVED_AT_ONCE)
            await connection.execute(delete(oidc_request).where(rows.id.in_(oldest)))
        row = {"id": uuid7(now_us), "site_id": store.site_id, "state_hash": token_hash(state), "issuer": issuer}
        await connection.execute(oidc_request.insert().values(**row, nonce=nonce, verifier=verifier, created_us=now_us))


async def _use(store: Store, issuer: str, state: str, now_us: int) -> tuple[str, str]:
    """Nonce and verifier of a sign-in that was begun at this provider; it is used up."""
    rows = oidc_request.c
    one = (rows.state_hash == token_hash(state), rows.issuer == issuer, rows.created_us > now_us - LIFE_US)
    async with store.counting() as connection:
        found = (await connection.execute(select(rows.nonce, rows.verifier).where(*one))).one_or_none()
        await connection.execute(delete(oidc_request).where(rows.state_hash == token_hash(state)))
    if found is None:
        raise ProviderRefused("the sign-in was finished before, began ten minutes ago, or at another provider")
    return str(found.nonce), str(found.verifier)
