"""Random secrets that are shown once and kept as a hash. They have 128 bits and more, so a plain hash is enough."""

from __future__ import annotations

import base64
import hashlib
import secrets

# Of session tokens, links and API tokens.
TOKEN_OCTETS = 32
# A token is shorter than this; what is longer is not hashed.
MOST_TOKEN = 200


def new_token(prefix: str = "") -> str:
    """256 random bits as base64url without padding, behind a prefix that names the kind of token."""
    return prefix + secrets.token_urlsafe(TOKEN_OCTETS)


def token_hash(token: str) -> bytes:
    """SHA-256 of a token; of what cannot be one, the hash of nothing that was ever given out."""
    text = token if len(token) <= MOST_TOKEN else ""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def new_code(octets: int) -> str:
    """A code that people copy from paper: base32 in groups of four (no 0, 1, 8)."""
    text = base64.b32encode(secrets.token_bytes(octets)).decode().rstrip("=").lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def code_hash(code: str) -> bytes:
    """SHA-256 of a code, however it was typed: case, spaces and hyphens do not count."""
    return token_hash("".join(code.split()).replace("-", "").lower())
