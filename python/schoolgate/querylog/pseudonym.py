"""Clients under a secret key: who a pseudonym is, and under which texts the log knows an address.

A pseudonym is the 16 octets of the address as one block of AES-128. When the key is rotated the old one is gone, and
nobody can say any more whom the older pseudonyms stood for: that is what rotation is for.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import fcntl
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from schoolgate.querylog.query import BadQuery

_PSEUDONYM = re.compile(r"p-[a-z2-7]{26}")
_PREFIX = "p-"
_PADDING = "======"


@dataclass(frozen=True, repr=False)
class PseudonymKey:
    """The key in use now."""

    octets: bytes
    made_at: dt.datetime
    id: str

    def pseudonym(self, address: str) -> str:
        """What the log calls a client."""
        encryptor = self._cipher().encryptor()
        block = encryptor.update(_block(address)) + encryptor.finalize()
        return _PREFIX + base64.b32encode(block).decode().rstrip("=").lower()

    def address(self, pseudonym: str) -> str:
        """Some address or other where the pseudonym was made with another key."""
        decryptor = self._cipher().decryptor()
        found = ipaddress.IPv6Address(decryptor.update(_octets(pseudonym)) + decryptor.finalize())
        return str(found.ipv4_mapped or found)

    def _cipher(self) -> Cipher[modes.ECB]:
        # ECB is right for exactly one block: equal clients must have equal pseudonyms.
        return Cipher(algorithms.AES128(self.octets), modes.ECB())


def read_key(path: Path) -> PseudonymKey | None:
    """The key of this log, or None where clients are kept as addresses."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # not while it is rotated
            raw = orjson.loads(file.read())
        octets = bytes.fromhex(raw["key"])
        return PseudonymKey(octets, dt.datetime.fromisoformat(raw["made_at"]), str(raw["id"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadQuery(f"{path}: the key of the pseudonyms cannot be read ({error}); search by pseudonym") from error


def is_pseudonym(text: str) -> bool:
    return _PSEUDONYM.fullmatch(text) is not None


def known_as(client: str, key: PseudonymKey | None) -> list[str]:
    """The texts under which the log may hold a client: as it is, and by its pseudonym. Raises `BadQuery`."""
    text = client.strip().lower()
    if is_pseudonym(text):
        return [text]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadQuery(
            f"{client!r} is no client; write an address such as 192.0.2.10, or a pseudonym as the log shows it"
        ) from None
    plain = str(getattr(address, "ipv4_mapped", None) or address)
    # Rows from before pseudonyms were switched on hold the address.
    return [plain] if key is None else [key.pseudonym(plain), plain]


def _block(address: str) -> bytes:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return bytes(10) + b"\xff\xff" + parsed.packed
    return parsed.packed


def _octets(pseudonym: str) -> bytes:
    try:
        return base64.b32decode(pseudonym.removeprefix(_PREFIX).upper() + _PADDING)
    except binascii.Error as error:
        raise BadQuery(f"{pseudonym!r} is no pseudonym") from error
