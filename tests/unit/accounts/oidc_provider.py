"""An OpenID provider in this process: keeps the standard, but where a test has it lie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from yarl import URL

CLIENT, SECRET, BACK = "schoolgate", "a-client-secret", "https://console.school.example/sign-in/back"


class OidcProvider:
    """`claims` are added to each token; `header`, `key` and others replace what is right."""

    def __init__(self) -> None:
        self.now_us = 0
        self.key: Any = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self.published: list[Any] = [self.key]
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.claims: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.make_token: Callable[[dict[str, Any]], str] | None = None
        self.token_status = 200
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.server: TestServer

    @property
    def issuer(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    def authorise(self, address: str) -> dict[str, str]:
        """What a browser brings back after its person signed in."""
        query = dict(URL(address).query)
        assert query["client_id"] == CLIENT
        assert query["redirect_uri"] == BACK
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.issuer}

    async def discovery(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        named = {name: f"{self.issuer}/{path}" for name, path in (
            ("authorization_endpoint", "authorize"), ("token_endpoint", "token"), ("jwks_uri", "keys"))}  # fmt: skip
        return web.json_response({"issuer": self.issuer, **named, **self.document})

    async def keys(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response(KeySet(self.published).as_dict(private=False))

    async def token(self, request: web.Request) -> web.Response:
        given = await request.post()
        query = self.codes.pop(str(given["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(given["code_verifier"]).encode()).digest())
        if (
            query is None
            or given["client_secret"] != SECRET
            or given["redirect_uri"] != BACK
            or challenge.rstrip(b"=").decode() != query["code_challenge"]
            or self.token_status != 200
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = self.now_us // 1_000_000
        claims = {"iss": self.issuer, "sub": "person-7", "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": query["nonce"], **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        made = (self.make_token or self._signed)(claims)
        return web.json_response({"id_token": made, "access_token": "x", "token_type": "Bearer"})

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(self.header, claims, self.key, algorithms=[self.header["alg"]])


@asynccontextmanager
async def provider_running() -> AsyncIterator[OidcProvider]:
    made = OidcProvider()
    application = web.Application()
    application.router.add_get("/.well-known/openid-configuration", made.discovery)
    application.router.add_get("/keys", made.keys)
    application.router.add_post("/token", made.token)
    made.server = TestServer(application, host="127.0.0.1")
    await made.server.start_server()
    try:
        yield made
    finally:
        await made.server.close()


def another_rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid}, private=True)


def elliptic(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid}, private=True)


def unsigned(header: dict[str, str], claims: dict[str, Any]) -> str:
    """Header and claims of a token, without its signature."""
    return ".".join(_b64(json.dumps(one).encode()) for one in (header, claims))


def by_public_key(key: RSAKey, claims: dict[str, Any]) -> str:
    """Signed by HMAC with the public key as its secret: what a verifier that trusts the header would take."""
    head = unsigned({"alg": "HS256", "kid": "one"}, claims)
    return f"{head}.{_b64(hmac.digest(key.as_pem(private=False), head.encode(), 'sha256'))}"


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
