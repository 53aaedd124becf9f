"""The key that encrypts TOTP secrets in the store: a file of its own, so that a copy of the store holds no secret.

AES-256-GCM with the account's identifier as associated data: a secret moved to another account's row does not open.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schoolgate.accounts.errors import SecretKeyUnusable

KEY_OCTETS = 32
NONCE_OCTETS = 12
FILE_NAME = "accounts.key"


class FactorKey:
    """Encrypts and decrypts the secrets of second factors."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, account_id: UUID) -> bytes:
        """A random nonce and the encrypted secret."""
        nonce = secrets.token_bytes(NONCE_OCTETS)
        return nonce + self._cipher.encrypt(nonce, secret, account_id.bytes)

    def open(self, sealed: bytes, account_id: UUID) -> bytes:
        """The secret. Raises `SecretKeyUnusable` where another key or account sealed it."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], account_id.bytes)
        except (InvalidTag, ValueError):
            raise SecretKeyUnusable(
                "a TOTP secret does not open with this key; restore accounts.key from the backup, or reset the factor"
            ) from None


class UnusableKey(FactorKey):
    """Stands for a key that cannot be read: what needs it is refused by name, and nothing else is."""

    def __init__(self, why: SecretKeyUnusable) -> None:
        self._why = str(why)

    def seal(self, secret: bytes, account_id: UUID) -> bytes:
        """Raises `SecretKeyUnusable`."""
        raise SecretKeyUnusable(self._why)

    def open(self, sealed: bytes, account_id: UUID) -> bytes:
        """Raises `SecretKeyUnusable`."""
        raise SecretKeyUnusable(self._why)


def load_or_make(path: Path) -> FactorKey:
    """The key of this installation, which the first call makes, mode 0600. Raises `SecretKeyUnusable`."""
    try:
        try:
            return FactorKey(_read(path))
        except FileNotFoundError:
            _make(path)
            return FactorKey(_read(path))
    except OSError as error:
        raise SecretKeyUnusable(f"{path}: {error.strerror}; check rights and space") from error


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        mode, key = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read(KEY_OCTETS + 1)
    if mode & 0o077:
        raise SecretKeyUnusable(f"{path}: others can read the key (mode {mode:o}); chmod 600 it, reset the factors")
    if len(key) != KEY_OCTETS:
        raise SecretKeyUnusable(f"{path}: the key has not {KEY_OCTETS} octets; restore it from the backup")
    return key


def _make(path: Path) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(aside)  # unlike a rename, this replaces no key
    except FileExistsError:
        pass  # another process made it first
    finally:
        aside.unlink(missing_ok=True)
