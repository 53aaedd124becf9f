"""Headers of every answer, errors too: what a browser may load, and what it must not keep or give away."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import Final

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
)
# Two years; what was reached over TLS is not asked for without.
_TRANSPORT: Final = "max-age=63072000"


def put_on(headers: MutableMapping[str, str], *, is_tls: bool) -> None:
    """Puts them on an answer. `Cache-Control` stays where the answer has its own: assets with hashed names."""
    headers.update(_ALWAYS)
    headers.setdefault("Cache-Control", "no-store")
    # The program that serves says nothing of its version.
    headers["Server"] = "schoolgate"
    if is_tls:
        headers["Strict-Transport-Security"] = _TRANSPORT
