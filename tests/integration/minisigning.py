"""A publisher's hand: minisign keys and signatures, made as the program of that name makes them."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Minisign:
    """A key made from a seed, so that tests repeat."""

    def __init__(self, seed: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self._id = bytes([seed]) * 8

    @property
    def public(self) -> str:
        octets = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(b"Ed" + self._id + octets).decode()

    def sign(self, message: bytes, *, hashed: bool = True, comment: str = "timestamp:1790000000") -> str:
        body = hashlib.blake2b(message).digest() if hashed else message
        signature = self._key.sign(body)
        whole = self._key.sign(signature + comment.encode())
        first = base64.b64encode((b"ED" if hashed else b"Ed") + self._id + signature).decode()
        return f"untrusted comment: x\n{first}\ntrusted comment: {comment}\n{base64.b64encode(whole).decode()}\n"
