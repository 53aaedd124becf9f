"""Encryption of backups: the age format (age-encryption.org/v1), to public keys whose secret halves are elsewhere.

Data goes through in pieces. An age file says where it ends, so a file that was cut short is found; what came out before
that is not to be used until the whole was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol

import pyrage

from schoolgate.backup.errors import BackupDamaged, BackupFailed, RecipientInvalid, WrongKey

# How an age file begins.
MAGIC = b"age-encryption.org/v1"
ARMORED = b"-----BEGIN AGE ENCRYPTED FILE-----"


class Writes(Protocol):
    """What takes octets in pieces."""

    def write(self, octets: bytes, /) -> object: ...


def recipients_of(keys: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    """The public keys. Raises `RecipientInvalid`."""
    found = []
    for key in keys:
        try:
            found.append(pyrage.x25519.Recipient.from_str(key))
        except pyrage.RecipientError as error:
            raise RecipientInvalid(f"{key} is no public key ({error}); compare it with the one that was printed") from (
                error
            )
    return found


def encrypt(reader: BinaryIO, writer: Writes, recipients: Sequence[pyrage.x25519.Recipient]) -> None:
    """Encrypts until `reader` ends. Raises what `reader` or `writer` raised, else `BackupFailed`."""
    source, sink = _Noted(reader.read), _Noted(writer.write)
    try:
        pyrage.encrypt_io(_Reader(source), _Writer(sink), recipients)
    except (pyrage.EncryptError, OSError) as error:
        raise source.error or sink.error or BackupFailed(f"the backup could not be encrypted: {error}") from error


def decrypt(reader: BinaryIO, writer: Writes, identities: Sequence[pyrage.x25519.Identity]) -> None:
    """Decrypts to the end. Raises what `reader` or `writer` raised, else `WrongKey` or `BackupDamaged`."""
    source, sink = _Noted(reader.read), _Noted(writer.write)
    try:
        pyrage.decrypt_io(_Reader(source), _Writer(sink), identities)
    except (pyrage.DecryptError, OSError) as error:
        cause = source.error or sink.error
        if cause is not None:
            raise cause from error
        if "No matching keys" in str(error):
            raise WrongKey(
                "this backup was encrypted to other keys; give the identity file that belongs to it"
            ) from error
        raise BackupDamaged(
            f"the backup was cut short or changed, or is none ({error}); use another one: nothing was put in place"
        ) from error


class _Noted:
    """Keeps what a call raised: the library passes its text on, and not the error itself."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call
        self.error: BaseException | None = None

    def __call__(self, *arguments: object) -> object:
        try:
            return self._call(*arguments)
        except BaseException as error:
            self.error = error
            raise


class _Reader:
    def __init__(self, read: Callable[..., object]) -> None:
        self.read = read


class _Writer:
    def __init__(self, write: Callable[..., object]) -> None:
        self._write = write

    def write(self, octets: bytes) -> int:
        self._write(octets)
        return len(octets)

    def flush(self) -> None:
        """The caller's own flush counts, not the library's."""
