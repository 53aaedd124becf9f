"""The key of the pseudonyms that stand for clients in the query log: made here, and thrown away when its time is over.

Who has the file can tell which client a pseudonym stands for; when the key is replaced, nobody can any more.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson

KEY_OCTETS = 16
FILE = Path("log") / "pseudonym.json"


@dataclass(frozen=True)
class PseudonymKey:
    """`identity` tells keys apart without telling them; `problem` is why the key is not on the disk."""

    key: bytes
    made_at: dt.datetime
    identity: str
    problem: str | None = None


def key_in_force(state_dir: Path, days: int, now: dt.datetime) -> PseudonymKey:
    """The key on the disk; a new one in its place where it is missing, damaged or `days` old.

    Never fails: where the disk takes no key, one is made that nobody can keep, so that no address is stored instead.
    """
    path = state_dir / FILE
    known = read_key(path)
    if known is not None and now < known.made_at + dt.timedelta(days=days):
        return known
    made = PseudonymKey(secrets.token_bytes(KEY_OCTETS), now, secrets.token_hex(4))
    try:
        _write(path, made)
    except OSError as error:
        # An old key is better than one that is forgotten at the next start.
        lasting = known or made
        problem = f"{path}: {error.strerror}; the key of the pseudonyms cannot be stored"
        return PseudonymKey(lasting.key, lasting.made_at, lasting.identity, problem)
    return made


def read_key(path: Path) -> PseudonymKey | None:
    """The key in a file; None where there is none, or the file is damaged."""
    try:
        raw = orjson.loads(path.read_bytes())
        key, made_at = bytes.fromhex(raw["key"]), dt.datetime.fromisoformat(raw["made_at"])
        identity = str(raw["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if len(key) != KEY_OCTETS or made_at.tzinfo is None:
        return None
    return PseudonymKey(key, made_at, identity)


def _write(path: Path, made: PseudonymKey) -> None:
    """Aside, synced, renamed: the old key or the new one, whole."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    aside = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        described = {"key": made.key.hex(), "made_at": made.made_at.isoformat(timespec="seconds"), "id": made.identity}
        file.write(orjson.dumps(described))
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
