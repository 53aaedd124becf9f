"""Whether a request that may change something comes from a page of ours (cross-site request forgery).

Browsers say so themselves in Sec-Fetch-Site, else in Origin; a request with neither is no browser's form, and is
refused. SameSite=Lax of the cookie is a second wall, not this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


def is_from_our_pages(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a method is safe, or the request comes from a page of the same origin."""
    if method in SAFE_METHODS:
        return True
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("Origin", "")
    try:
        return bool(origin) and urlsplit(origin).netloc.lower() == headers.get("Host", "").lower()
    except ValueError:
        return False
