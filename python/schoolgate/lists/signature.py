"""Minisign signatures: a publisher's own hand under a feed, checked with the key that the operator was given.

With a key configured, a feed without its signature is no feed. Format: https://jedisct1.github.io/minisign/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schoolgate.errors import SchoolgateError

# "Ed": over the octets; "ED": over their BLAKE2b-512.
_PLAIN, _HASHED = b"Ed", b"ED"
_TRUSTED = "trusted comment: "
LARGEST_SIGNATURE_OCTETS = 16 * 1024


class SignatureWrong(SchoolgateError):
    """A file is not what the publisher signed, or is not signed."""


class KeyUnusable(SchoolgateError):
    """A text is no minisign public key."""


@dataclass(frozen=True)
class PublicKey:
    """A publisher's key; `key_id` tells two of them apart."""

    key_id: bytes
    key: Ed25519PublicKey


def public_key(text: str) -> PublicKey:
    """From the one line that begins with RW, or a whole .pub file. Raises `KeyUnusable`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    raw = _decoded(lines[-1] if lines else "")
    if len(raw) != 42 or raw[:2] != _PLAIN:
        raise KeyUnusable("that is no minisign public key; it is one line that begins with RW")
    return PublicKey(raw[2:10], Ed25519PublicKey.from_public_bytes(raw[10:]))


def verify(path: Path, signature: str, key: PublicKey) -> str:
    """The trusted comment of a right signature. Raises `SignatureWrong`."""
    lines = signature.splitlines()
    if len(lines) < 4 or not lines[2].startswith(_TRUSTED):
        raise SignatureWrong("the signature is no minisign signature; it vouches for nothing")
    signed, whole = _decoded(lines[1]), _decoded(lines[3])
    algorithm, key_id, octets = signed[:2], signed[2:10], signed[10:]
    if algorithm not in (_PLAIN, _HASHED) or len(octets) != 64:
        raise SignatureWrong("the signature is of a kind that minisign does not make")
    if key_id != key.key_id:
        raise SignatureWrong(
            f"signed with key {key_id[::-1].hex().upper()}, not with the configured {key.key_id[::-1].hex().upper()};"
            " ask the publisher whether the key has changed"
        )
    comment = lines[2].removeprefix(_TRUSTED)
    message = _blake2b(path) if algorithm == _HASHED else path.read_bytes()
    try:
        key.key.verify(octets, message)
        key.key.verify(whole, octets + comment.encode())
    except InvalidSignature as error:
        raise SignatureWrong("the file is not what the publisher signed") from error
    return comment


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _blake2b(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, hashlib.blake2b).digest()
