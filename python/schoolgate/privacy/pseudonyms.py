"""The key of the pseudonyms that stand for clients in the query log: made here, and thrown away when its time is over.

Who has the file can tell which client a pseudonym stands for; when the key is replaced, nobody can any more.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from schoolgate.storage.atomic_file import PRIVATE, write_whole

KEY_OCTETS = 16
FILE = Path("log") / "pseudonym.json"


@dataclass(frozen=True)
class PseudonymKey:
    """`identity` tells keys apart without telling them; `problem` is why the key is not on the disk."""

    key: bytes
    made_at: dt.datetime
    identity: str
    problem: str | None = None
    # No other was in use here before it, so no pseudonym can be another key's.
    is_first: bool = False


def key_in_force(state_dir: Path, days: int, now: dt.datetime, in_use: PseudonymKey | None = None) -> PseudonymKey:
    """The key on the disk; a new one in its place where it is missing, damaged or `days` old.

    Never fails: where the disk takes no key, one is made that nobody can keep, so that no address is stored instead. A
    file that cannot be read may hold a good key: it stays, and the key `in_use` goes on.
    """
    path = state_dir / FILE
    try:
        known = read_key(path)
    except OSError as error:
        problem = f"{path}: {error.strerror}; the key of the pseudonyms cannot be read, and is not replaced"
        return replace(in_use or _made(now), problem=problem)
    if known is not None and now < known.made_at + dt.timedelta(days=days):
        return known
    made = replace(_made(now), is_first=not path.exists())
    try:
        _write(path, made)
    except OSError as error:
        # An old key is better than one that is forgotten at the next start.
        lasting = known or made
        problem = f"{path}: {error.strerror}; the key of the pseudonyms cannot be stored"
        return PseudonymKey(lasting.key, lasting.made_at, lasting.identity, problem)
    return made


def read_key(path: Path) -> PseudonymKey | None:
    """The key in a file; None where there is none, or the file is damaged. Raises `OSError` for any other reason."""
    try:
        raw = orjson.loads(path.read_bytes())
        key, made_at = bytes.fromhex(raw["key"]), dt.datetime.fromisoformat(raw["made_at"])
        identity, is_first = str(raw["id"]), raw.get("first") is True
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    if len(key) != KEY_OCTETS or made_at.tzinfo is None:
        return None
    return PseudonymKey(key, made_at, identity, is_first=is_first)


def _made(now: dt.datetime) -> PseudonymKey:
    return PseudonymKey(secrets.token_bytes(KEY_OCTETS), now, secrets.token_hex(4))


def _write(path: Path, made: PseudonymKey) -> None:
    """The old key or the new one, whole."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    described = {
        "key": made.key.hex(),
        "made_at": made.made_at.isoformat(),
        "id": made.identity,
        "first": made.is_first,
    }
    write_whole(path, orjson.dumps(described), PRIVATE)
