"""The state directory: policy revisions, snapshots, the control socket. It has one user and one running service."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from schoolgate.config.service_user import denied, run_as
from schoolgate.errors import SchoolgateError

# Only the service's user; its group may read.
MODE = 0o750


class StateDirUnusable(SchoolgateError):
    """The state directory cannot be used as it is."""


class AlreadyRunning(SchoolgateError):
    """Another service uses this state directory."""


def prepare(state_dir: Path, arguments: Sequence[str] = ()) -> None:
    """Makes the directory if need be; refuses one that belongs to another user. Raises `StateDirUnusable`."""
    refuse_strangers(state_dir, arguments)
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=MODE)
    except OSError as error:
        raise StateDirUnusable(
            f"{state_dir}: {error.strerror}; set server.state_dir or SCHOOLGATE_STATE_DIR"
        ) from error
    if not os.access(state_dir, os.W_OK | os.X_OK):
        raise StateDirUnusable(f"{state_dir}: cannot be written; set server.state_dir or SCHOOLGATE_STATE_DIR")


def refuse_strangers(state_dir: Path, arguments: Sequence[str] = ()) -> None:
    """Root must not leave files in a service user's directory that the service then cannot open."""
    try:
        owner = state_dir.stat().st_uid
    except PermissionError:
        raise StateDirUnusable(denied(state_dir)) from None
    except OSError:
        return
    if owner != os.geteuid():
        raise StateDirUnusable(f"{state_dir} belongs to another user; {run_as(state_dir, arguments)}")


@contextmanager
def held(state_dir: Path) -> Iterator[None]:
    """Holds the directory for one running service; raises `AlreadyRunning` naming the one that has it.

    The kernel lets go of the lock when the process ends, however it ends.
    """
    path = state_dir / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StateDirUnusable(f"{path}: {error.strerror}; check rights and space") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"schoolgate already runs with {state_dir}{_holder(descriptor)};"
                " stop that one, or give this one a server.state_dir of its own"
            ) from None
        holder = {"pid": os.getpid(), "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
        with contextlib.suppress(OSError):  # a full disk; the lock holds without a name on it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, orjson.dumps(holder), 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = orjson.loads(os.pread(descriptor, 4096, 0))
        return f" (process {holder['pid']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
