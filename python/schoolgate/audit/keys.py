"""The file of the signing key: PKCS #8 PEM, made once, mode 0600, never replaced but by a rotation.

A rotation writes the next key beside it first, commits the entry that both keys signed, and renames the file last. So
a process killed in between leaves both files, and the database says which one counts.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from schoolgate.audit.errors import KeyUnusable

# A key in PEM has 119 octets.
MOST_OCTETS = 4096


def make(path: Path) -> Ed25519PrivateKey:
    """Makes the key and its file. Raises `KeyUnusable` where there is one already, or where it cannot be written."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(aside)  # unlike a rename, this replaces no key
        _sync_folder(path.parent)
    except FileExistsError:
        raise KeyUnusable(f"{path}: there is a key already; it is not replaced") from None
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}; check rights and space") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """Reads the key. Raises `KeyUnusable`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            mode, pem = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read(MOST_OCTETS)
    except FileNotFoundError:
        raise KeyUnusable(f"{path}: the key of the audit log is missing; restore it from the backup") from None
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyUnusable(f"{path}: others can read the key (mode {mode:o}); chmod 600 it, then rotate the key")
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise KeyUnusable(f"{path}: this is no key in PEM; restore it from the backup") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{path}: this is no Ed25519 key; restore it from the backup")
    return key


def next_path(path: Path) -> Path:
    """Where a rotation puts the next key."""
    return path.with_name(f"{path.name}.next")


def replace(path: Path) -> None:
    """Ends a rotation: the next key becomes the key."""
    next_path(path).replace(path)
    _sync_folder(path.parent)


def load_current(path: Path, public_key: bytes | None) -> Ed25519PrivateKey:
    """Reads the key that the database names; makes one where it names none yet; ends a rotation that was interrupted.

    Raises `KeyUnusable`, also where neither file holds the key that the database names.
    """
    if public_key is None:
        return load(path) if path.exists() else make(path)
    upcoming = next_path(path)
    if upcoming.exists():
        if load(upcoming).public_key().public_bytes_raw() == public_key:
            replace(path)
        else:
            upcoming.unlink()  # its rotation was never committed
    key = load(path)
    if key.public_key().public_bytes_raw() != public_key:
        raise KeyUnusable(f"{path}: this is not the key that signs this log; restore the one that belongs to it")
    return key


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
