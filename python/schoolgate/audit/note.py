"""Signed notes and checkpoints: c2sp.org/signed-note and c2sp.org/tlog-checkpoint, Ed25519 (RFC 8032).

A checkpoint is three lines of text (origin, number of entries, root) and signatures. One that lies outside this machine
is what makes the log's past unchangeable. A verifier key is one line: name, key ID and public key, joined by `+`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from schoolgate.audit.errors import NoteInvalid
from schoolgate.audit.merkle import HASH_OCTETS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = b"\x01"
PUBLIC_KEY_OCTETS = 32
SIGNATURE_OCTETS = 64
# The specification asks for at least 16 to be accepted; without a bound a note could cost any time.
MOST_SIGNATURES = 16
MOST_OCTETS = 64 * 1024
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Signature:
    """One signature line. `key_id`: 4 octets. `octets`: 64 for Ed25519."""

    name: str
    key_id: bytes
    octets: bytes


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and its signatures, none of them verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def is_signed_by(self, name: str, public_key: bytes) -> bool:
        """Whether this key signed the text. Raises `NoteInvalid` where its signature is there and wrong."""
        wanted = key_id(name, public_key)
        found = [one for one in self.signatures if one.name == name and one.key_id == wanted]
        if any(not _is_valid(public_key, one.octets, self.text) for one in found):
            raise NoteInvalid(f"the signature of {name} does not fit the text: it was changed, or made by another key")
        return bool(found)


@dataclass(frozen=True)
class Checkpoint:
    """What a log was: `size` entries with this root (32 octets)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint and the note it stands in."""

    checkpoint: Checkpoint
    note: Note


def key_id(name: str, public_key: bytes) -> bytes:
    """The first 4 octets of SHA-256(name || 0x0A || 0x01 || public key)."""
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """The line by which others know the key: `name+key ID+base64(0x01 || public key)`."""
    return f"{name}+{key_id(name, public_key).hex()}+{_base64(ED25519 + public_key)}"


def parse_verifier_key(line: str) -> tuple[str, bytes]:
    """Name and public key (32 octets) of a verifier key. Raises `NoteInvalid`."""
    name, _, rest = line.strip().partition("+")
    stated, _, encoded = rest.partition("+")
    octets = _from_base64(encoded)
    if not _is_key_name(name) or octets is None or octets[:1] != ED25519 or len(octets) != 1 + PUBLIC_KEY_OCTETS:
        raise NoteInvalid(f"{line.strip()[:80]!r} is no Ed25519 verifier key; `audit checkpoint --key` prints one")
    if stated != key_id(name, octets[1:]).hex():
        raise NoteInvalid(f"the key ID of {name} does not fit its key: a part of the line was changed")
    return name, octets[1:]


def public_keys(lines: Iterable[str]) -> list[bytes]:
    """The public keys of verifier keys. Raises `NoteInvalid`."""
    return [parse_verifier_key(line)[1] for line in lines]


def signed(text: str, name: str, *keys: Ed25519PrivateKey) -> str:
    """The note: text, empty line, one signature line for each key."""
    if not _is_key_name(name):
        raise NoteInvalid(f"{name!r} cannot name a key: it is empty, or holds a space or a plus sign")
    lines = []
    for key in keys:
        public = key.public_key().public_bytes_raw()
        lines.append(f"— {name} {_base64(key_id(name, public) + key.sign(text.encode()))}\n")
    return f"{text}\n{''.join(lines)}"


def parse_note(note: str) -> Note:
    """Reads a signed note. Raises `NoteInvalid`."""
    if len(note) > MOST_OCTETS:
        raise NoteInvalid(f"a signed note of {len(note)} characters is longer than {MOST_OCTETS}")
    if any(ord(character) < 0x20 and character != "\n" for character in note):
        raise NoteInvalid("the note holds control characters: copy it as text, with its line ends as they are")
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not text or not lines.endswith("\n"):
        raise NoteInvalid("this is no signed note: it has no empty line followed by signature lines, or was cut short")
    signatures = tuple(_parse_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > MOST_SIGNATURES:
        raise NoteInvalid(f"the note has {len(signatures)} signatures; {MOST_SIGNATURES} are read")
    return Note(f"{text}\n", signatures)


def parse_checkpoint(note: str) -> SignedCheckpoint:
    """Reads a checkpoint. Its signatures are not verified yet. Raises `NoteInvalid`."""
    parsed = parse_note(note)
    lines = parsed.text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise NoteInvalid("this is no checkpoint: origin, number of entries and root each need a line")
    root = _from_base64(lines[2])
    if not _SIZE.fullmatch(lines[1]) or root is None or len(root) != HASH_OCTETS:
        raise NoteInvalid("this is no checkpoint: the second line is a number of entries, the third a root in base64")
    return SignedCheckpoint(Checkpoint(lines[0], int(lines[1]), root), parsed)


def signer_of(signed_checkpoint: SignedCheckpoint, public_keys: Iterable[bytes]) -> bytes | None:
    """The key among these that signed the checkpoint under its origin's name, or None. Raises `NoteInvalid`."""
    origin = signed_checkpoint.checkpoint.origin
    return next((key for key in public_keys if signed_checkpoint.note.is_signed_by(origin, key)), None)


def _parse_signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    octets = _from_base64(encoded)
    if dash != "—" or not _is_key_name(name) or octets is None or len(octets) < 5:
        raise NoteInvalid(f"{line[:80]!r} is no signature line; it reads: em dash, name of the key, base64")
    return Signature(name, octets[:4], octets[4:])


def _is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _is_valid(public_key: bytes, signature: bytes, text: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(signature) != SIGNATURE_OCTETS:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _base64(octets: bytes) -> str:
    return base64.standard_b64encode(octets).decode()


def _from_base64(text: str) -> bytes | None:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return octets if _base64(octets) == text else None  # one spelling only
