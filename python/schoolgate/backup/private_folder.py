"""Directories that hold a backup in the clear for a while: for their owner alone, and tidied also after a SIGKILL.

Each is held by a lock that the kernel lets go when its process ends. The next one of its kind removes those that
nothing holds, and ends a server that was left running in them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

HELD = "held.lock"
# Of a state directory in it: the running server writes its process there (storage/state_dir.py).
_SERVER_LOCK = Path("state") / "lock"


@contextmanager
def private_folder(prefix: str, parent: Path) -> Iterator[Path]:
    """A new directory in `parent`, removed at the end. Raises `OSError`."""
    _tidy(prefix, parent)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        descriptor = os.open(folder / HELD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tidy(prefix: str, parent: Path) -> None:
    """Removes what killed processes of this user left. Best effort: it must not keep a restore from happening."""
    for folder in sorted(parent.glob(f"{prefix}*")):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == os.geteuid() and _is_let_go(folder / HELD):
                _end_server(folder / _SERVER_LOCK)
                shutil.rmtree(folder, ignore_errors=True)


def _is_let_go(path: Path) -> bool:
    """Whether the lock is there and nothing holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _end_server(lock: Path) -> None:
    """Ends the server that holds this lock, by the process that it wrote into it."""
    if not lock.exists() or _is_let_go(lock):
        return
    with contextlib.suppress(ValueError, KeyError, TypeError):
        os.kill(int(orjson.loads(lock.read_bytes())["pid"]), signal.SIGTERM)
