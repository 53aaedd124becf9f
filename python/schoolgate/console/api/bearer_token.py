"""The API token of a request: in the Authorization header (RFC 6750 section 2.1), and nowhere else."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from schoolgate.console.api.problem_details import ProblemFound

# What an API token begins with: addresses are kept in logs and histories, so none may hold one.
MARK: Final = "sgt_"
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,200}=*)", re.IGNORECASE | re.ASCII)
_NAMES: Final = frozenset({"access_token", "api_token", "token", "authorization", "bearer", "apikey", "api_key"})


def refuse_token_in_address(request: web.Request) -> None:
    """Raises `ProblemFound`: what stands in an address is in the logs of proxies by now."""
    named = {name.lower() for name in request.query} & _NAMES
    if named or any(MARK in value for value in request.query.values()) or MARK in request.path:
        raise ProblemFound(
            "token-in-address",
            "send the token in the Authorization header; where a token was in this address, revoke it and make another",
        )


def token_of(request: web.Request) -> str:
    """The token. Raises `ProblemFound` where there is none; a cookie is none."""
    given = request.headers.getall("Authorization", [])
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        raise ProblemFound("token-missing", "send an API token: Authorization: Bearer sgt_...")
    return found[1]
