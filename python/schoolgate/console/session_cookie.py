"""Cookies of the console: the session, the known device, a sign-in elsewhere, the chosen theme.

The prefix __Host- binds a cookie to this host, over TLS, for all paths (RFC 6265bis section 4.1.3.2): another host of
the school's domain cannot plant one. Browsers treat http on this machine's own addresses as secure.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

SESSION: Final = "__Host-session"
DEVICE: Final = "__Host-device"
THEME: Final = "__Host-theme"
PROVIDER: Final = "__Host-provider"
SETUP: Final = "__Host-setup"
_PROVIDER_S: Final = 600
_YEAR_S: Final = 365 * 24 * 3600
# A token has 43 characters; what is longer was not made by us, and is not passed on.
_LONGEST: Final = 128
THEMES: Final = ("auto", "light", "dark")


def session_of(request: web.BaseRequest) -> str:
    """The token that the browser sent, or ""."""
    return _text(request, SESSION)


def device_of(request: web.BaseRequest) -> str | None:
    """The mark of a device from which an account signed in before."""
    return _text(request, DEVICE) or None


def theme_of(request: web.BaseRequest) -> str:
    """`auto`, `light` or `dark`."""
    found = _text(request, THEME)
    return found if found in THEMES else THEMES[0]


def keep_session(response: web.StreamResponse, token: str) -> None:
    """Sets the session; it ends with the browser, or before that with the session itself."""
    response.set_cookie(SESSION, token, path="/", secure=True, httponly=True, samesite="Lax")


def keep_device(response: web.StreamResponse, token: str) -> None:
    """Sets the mark of a known device."""
    response.set_cookie(DEVICE, token, path="/", secure=True, httponly=True, samesite="Lax", max_age=_YEAR_S)


def setup_token_of(request: web.BaseRequest) -> str:
    """The token of the first run, where this browser gave it and no account is there yet; or ""."""
    return _text(request, SETUP)


def keep_setup_token(response: web.StreamResponse, token: str) -> None:
    """Sets it; it ends with the browser."""
    response.set_cookie(SETUP, token, path="/", secure=True, httponly=True, samesite="Strict")


def forget_setup_token(response: web.StreamResponse) -> None:
    """Removes it: it was used, or is worth nothing."""
    response.del_cookie(SETUP, path="/", secure=True, httponly=True, samesite="Strict")


def keep_theme(response: web.StreamResponse, theme: str) -> None:
    """Sets the chosen theme."""
    response.set_cookie(THEME, theme, path="/", secure=True, httponly=True, samesite="Lax", max_age=_YEAR_S)


def keep_provider(response: web.StreamResponse, state: str) -> None:
    """Sets what a browser is known by when an identity provider sends it back."""
    response.set_cookie(PROVIDER, state, path="/", secure=True, httponly=True, samesite="Lax", max_age=_PROVIDER_S)


def provider_state_of(request: web.BaseRequest) -> str:
    """The same, as the browser sent it, or ""."""
    return _text(request, PROVIDER)


def forget_provider(response: web.StreamResponse) -> None:
    """Removes it: it is for one use."""
    response.del_cookie(PROVIDER, path="/", secure=True, httponly=True, samesite="Lax")


def forget_session(response: web.StreamResponse) -> None:
    """Removes the session from the browser."""
    response.del_cookie(SESSION, path="/", secure=True, httponly=True, samesite="Lax")


def _text(request: web.BaseRequest, name: str) -> str:
    found = request.cookies.get(name, "")
    return found if len(found) <= _LONGEST and found.isascii() and found.isprintable() else ""
