"""Keys of backups: a secret key is made once, shown or written once, and kept away from this machine.

A file of identities is what `age-keygen` writes: comments, and AGE-SECRET-KEY-1... in a line of its own. It may itself
be encrypted by a passphrase, as `age -p` does it. Its public half is in `recipients`.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage

from schoolgate.backup import encryption
from schoolgate.backup.errors import IdentityUnusable, why

# A key has 74 octets; a file of many stays below.
MOST_OCTETS = 256 * 1024


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `identity_text` is the content of its file, which is secret unless `is_encrypted`."""

    recipient: str
    identity_text: str
    is_encrypted: bool


def make_key(passphrase: str | None, now: dt.datetime) -> NewKey:
    """Makes a key, in memory alone."""
    secret = pyrage.x25519.Identity.generate()
    recipient = str(secret.to_public())
    text = (
        "# schoolgate backup key. Keep this away from the machine that is backed up, in two places.\n"
        f"# created: {now.isoformat(timespec='seconds')}\n# public key: {recipient}\n{secret}\n"
    )
    if passphrase is not None:
        text = pyrage.passphrase.encrypt(text.encode(), passphrase, armored=True).decode("ascii")
        text = text if text.endswith("\n") else f"{text}\n"
    return NewKey(recipient, text, passphrase is not None)


def write_identity(path: Path, key: NewKey, state_dir: Path) -> None:
    """Writes the identity file, mode 0600; it must not exist. Raises `IdentityUnusable`."""
    if path.absolute().resolve().is_relative_to(state_dir.absolute().resolve()):
        raise IdentityUnusable(
            f"{path} is in the state directory: it would be lost with it; name a file on a medium that you take away"
        )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.identity_text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise IdentityUnusable(f"{path}: there is a file already; it is not replaced") from None
    except OSError as error:
        raise IdentityUnusable(f"{path}: the key cannot be written: {why(error)}") from error


def read_identities(path: Path, ask_passphrase: Callable[[], str]) -> list[pyrage.x25519.Identity]:
    """The secret keys of a file; `ask_passphrase` is called where it is encrypted. Raises `IdentityUnusable`."""
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise IdentityUnusable(f"{path}: the identity file cannot be read: {why(error)}") from error
    return parse_identities(octets, str(path), ask_passphrase)


def parse_identities(octets: bytes, name: str, ask_passphrase: Callable[[], str]) -> list[pyrage.x25519.Identity]:
    """The same for the content of such a file; `name` is for messages. Raises `IdentityUnusable`."""
    if octets.startswith((encryption.MAGIC, encryption.ARMORED)):
        try:
            octets = pyrage.passphrase.decrypt(octets, ask_passphrase())
        except pyrage.DecryptError as error:
            raise IdentityUnusable(f"{name}: wrong passphrase, or the file is damaged ({error})") from error
    lines = [line.strip() for line in octets.decode("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or len(octets) > MOST_OCTETS:
        raise IdentityUnusable(f"{name}: holds no key; give the file that `schoolgate backup key` wrote")
    try:
        return [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError:
        # Never the text itself: it may be a secret with a slip in it.
        raise IdentityUnusable(f"{name}: a line is no AGE-SECRET-KEY-1...; give the file that was written") from None
