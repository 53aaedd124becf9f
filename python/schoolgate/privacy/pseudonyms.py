"""The keys of the pseudonyms that stand for clients in the query log.

One key is in use, in `log/pseudonym.json`. When its days are over another takes its place, and the old one moves to
`log/pseudonym-keys/`: it stays there as long as the log has rows under it, and not longer (`querylog/key_keeping.py`).
With a key and a row, the client is known; where the key is gone, nothing tells which client a pseudonym stands for.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from schoolgate.storage.atomic_file import PRIVATE, write_whole

KEY_OCTETS = 16
FILE = Path("log") / "pseudonym.json"
EARLIER = "pseudonym-keys"
_NO_FILE_NAME = re.compile(r"[^0-9A-Za-z-]")


@dataclass(frozen=True)
class PseudonymKey:
    """`identity` names a key without telling it; `problem` is why the key is not on the disk. `retired_at`: when
    another took its place; None for the one in use."""

    key: bytes
    made_at: dt.datetime
    identity: str
    problem: str | None = None
    # No other was in use here before it, so no pseudonym can be another key's.
    is_first: bool = False
    retired_at: dt.datetime | None = None


@dataclass(frozen=True)
class KeptKeys:
    """Every key on the disk, newest first. `problems`: earlier keys that cannot be read."""

    keys: tuple[PseudonymKey, ...] = ()
    problems: tuple[str, ...] = ()


def key_in_force(state_dir: Path, days: int, now: dt.datetime, in_use: PseudonymKey | None = None) -> PseudonymKey:
    """The key on the disk; a new one in its place where it is missing, damaged or `days` old.

    Never fails: where the disk takes no key, one is made that lives in memory only, so that no address is stored
    instead. A file that cannot be read may hold a good key: it stays, and the key `in_use` goes on.
    """
    path = state_dir / FILE
    try:
        known = read_key(path)
    except OSError as error:
        problem = f"{path}: {error.strerror}; the key of the pseudonyms cannot be read, and is not replaced"
        return replace(in_use or _made(now), problem=problem)
    try:
        if in_use is not None and in_use.problem is not None and known is not None and known.key != in_use.key:
            # It was in memory only, and there are rows under it.
            retire(path.parent, in_use, now)
        # A file that went while its key was in use is written again.
        lasting = known or (None if in_use is None else replace(in_use, problem=None))
        if lasting is not None and now < lasting.made_at + dt.timedelta(days=days):
            if known is None:
                _write(path, lasting)
            return lasting
        made = replace(_made(now), is_first=lasting is None and _is_new_log(path.parent))
        if lasting is not None:
            retire(path.parent, lasting, now)
        _write(path, made)
    except OSError as error:
        # An old key is better than one that is forgotten at the next start.
        problem = f"{path}: {error.strerror}; the key of the pseudonyms cannot be stored"
        return replace(known or in_use or _made(now), problem=problem)
    return made


def retire(log: Path, key: PseudonymKey, now: dt.datetime) -> None:
    """Keeps a key for the rows under it. The caller puts another in its place, or removes it there: killed in between,
    it is in both places, which is the same key. Raises `OSError`."""
    folder = log / EARLIER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(_earlier_path(folder, key), replace(key, retired_at=now))


def forget(log: Path, key: PseudonymKey) -> None:
    """Removes an earlier key. Raises `OSError`."""
    _earlier_path(log / EARLIER, key).unlink(missing_ok=True)


def kept_keys(log: Path) -> KeptKeys:
    """The key in use and the earlier ones. Raises `OSError` or `ValueError` where the one in use cannot be read."""
    path = log / FILE.name
    current = read_key(path)
    if current is None and path.exists():
        raise ValueError(f"{path}: the key of the pseudonyms is damaged")
    earlier, problems = [], []
    for one in sorted((log / EARLIER).glob("*.json")):
        try:
            key = read_key(one)
        except OSError as error:
            problems.append(f"{one}: {error.strerror}; an earlier key of the pseudonyms cannot be read")
            continue
        if key is None or key.retired_at is None:
            problems.append(f"{one}: an earlier key of the pseudonyms is damaged; restore it from a backup")
        elif current is None or key.key != current.key:
            earlier.append(key)
    earlier.sort(key=lambda key: key.made_at, reverse=True)
    return KeptKeys((*([] if current is None else [current]), *earlier), tuple(problems))


def read_key(path: Path) -> PseudonymKey | None:
    """The key in a file; None where there is none, or the file is damaged. Raises `OSError` for any other reason."""
    try:
        raw = orjson.loads(path.read_bytes())
        key, made_at = bytes.fromhex(raw["key"]), dt.datetime.fromisoformat(raw["made_at"])
        identity, is_first = str(raw["id"]), raw.get("first") is True
        retired_at = None if raw.get("retired_at") is None else dt.datetime.fromisoformat(raw["retired_at"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    if len(key) != KEY_OCTETS or made_at.tzinfo is None or (retired_at is not None and retired_at.tzinfo is None):
        return None
    return PseudonymKey(key, made_at, identity, is_first=is_first, retired_at=retired_at)


def _is_new_log(log: Path) -> bool:
    """Whether nothing was ever recorded here: a key that was lost may have made pseudonyms otherwise."""
    return not any(any((log / name).glob("*")) for name in ("wal", "rows", EARLIER)) and not (log / FILE.name).exists()


def _earlier_path(folder: Path, key: PseudonymKey) -> Path:
    return folder / f"{_NO_FILE_NAME.sub('_', key.identity)[:64]}.json"


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
    if made.retired_at is not None:
        described["retired_at"] = made.retired_at.isoformat()
    write_whole(path, orjson.dumps(described), PRIVATE)
