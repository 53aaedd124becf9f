"""The files of a policy in a state directory: database, active file, identity of the installation, and their lock."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schoolgate.config.service_user import denied
from schoolgate.errors import SchoolgateError
from schoolgate.policy.active_file import (
    ActiveFileDamaged,
    ActiveFileMissing,
    PublishedPolicy,
    read_active_file,
    write_active_file,
)
from schoolgate.policy.policy_store import PolicyStore
from schoolgate.policy.revision import Tail
from schoolgate.policy.revisions import RevisionsDamaged, RevisionsTampered, RevisionStore, RevisionsUnavailable
from schoolgate.policy.store_check import StoreCheck, Unusable, compare
from schoolgate.storage.atomic_file import sync_directory
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

_INSTALLATION = "installation"

# Each file's time of change, size and inode: where it is as before, nothing was changed.
Signature = tuple[tuple[int, int, int] | None, ...]


class PolicyFilesUnusable(SchoolgateError):
    """The policy's files cannot be read or written by this account."""


class PolicyFiles:
    """The policy's files below `state_dir`. Opened for each use; safe for many processes."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.active = state_dir / "active-policy.json"
        self.installation = state_dir / "installation.json"
        self.store: PolicyStore = RevisionStore(state_dir / "policy.db")

    # -- reading --------------------------------------------------------------------------------------------------

    def look(self, *, is_thorough: bool = False) -> StoreCheck:
        """Compares the files as they are. `is_thorough` reads the whole database, not only its end. Raises
        `PolicyFilesUnusable` for an account that may not read them: to it they would look lost."""
        if self.state_dir.is_dir() and not os.access(self.state_dir, os.R_OK | os.X_OK):
            raise PolicyFilesUnusable(denied(self.state_dir))
        active = self.read_active()
        since = active.number if isinstance(active, PublishedPolicy) else None
        database = self.read_database(since, is_thorough=is_thorough)
        return compare(active, database, self.known_installation(), has_served=self.has_served())

    def read_active(self) -> PublishedPolicy | Unusable:
        """The active file, or why there is none to use."""
        try:
            return read_active_file(self.active)
        except ActiveFileMissing as error:
            return Unusable("missing", str(error))
        except ActiveFileDamaged as error:
            return Unusable("damaged", str(error))

    def read_database(self, since: int | None, *, is_thorough: bool = False) -> Tail | Unusable:
        """The database from revision `since` on, or why there is none to use."""
        try:
            tail = self.store.tail(since)
            if is_thorough:
                self.store.verify()
        except (RevisionsDamaged, RevisionsTampered) as error:
            return Unusable("damaged", f"the policy database is damaged: {error}")
        except RevisionsUnavailable as error:
            return Unusable("unreachable", f"the policy database cannot be read: {error}")
        if tail is not None:
            return tail
        what = "holds no revision" if self.store.path.exists() else "is missing"
        return Unusable("missing", f"the policy database {self.store.path} {what}")

    def known_installation(self) -> str | None:
        """The identity of this installation, where it is written down."""
        with contextlib.suppress(FileNotFoundError, CheckedFileDamaged, KeyError):
            return str(read_checked(self.installation, _INSTALLATION)["id"])
        return None

    def has_served(self) -> bool:
        """Whether a policy was in force here: what a server leaves that came to answer. Lists do not tell; they may be
        built before the first start."""
        signs = (self.installation, self.state_dir / "crashes")
        return any(sign.exists() for sign in signs) or any((self.state_dir / "log" / "wal").glob("*"))

    def signature(self) -> Signature:
        """Compare two to see whether a file has changed."""
        return tuple(_stat(path) for path in (self.active, self.installation, *self.store.files()[:2]))

    # -- writing --------------------------------------------------------------------------------------------------

    @contextmanager
    def locked(self, *, is_waiting: bool = True) -> Iterator[bool]:
        """Whether the caller may write: one at a time, from storing a revision until it is published. Raises
        `PolicyFilesUnusable`.

        The kernel lets go of the lock when the process ends, however it ends.
        """
        path = self.state_dir / "active-policy.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise PolicyFilesUnusable(f"{path}: {error.strerror}; check rights and space") from error
        try:
            is_ours = True
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if is_waiting else fcntl.LOCK_NB))
            except BlockingIOError:
                is_ours = False
            yield is_ours
        finally:
            os.close(descriptor)

    def new_installation(self, tail: Tail | None) -> str:
        """The identity to publish under: the database's, else the one written down, else a new one."""
        found = tail.installation if tail is not None else None
        return found or self.known_installation() or secrets.token_hex(16)

    def publish(self, published: PublishedPolicy) -> None:
        """Writes the active file; call it `locked`. A file that cannot be believed is kept beside it. Raises `OSError`;
        a good file is then as it was."""
        if not self.state_dir.is_dir():
            raise FileNotFoundError(2, "No such file or directory", str(self.state_dir))
        if isinstance(self.read_active(), Unusable):
            self.keep_aside(self.active)
        write_active_file(self.active, published)
        if self.known_installation() != published.installation:
            write_checked(self.installation, _INSTALLATION, {"id": published.installation})

    def keep_aside(self, *paths: Path) -> tuple[Path, ...]:
        """Moves damaged files out of the way, under names that say so. Raises `OSError`."""
        moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = []
        for path in paths:
            if os.path.lexists(path):
                aside = path.with_name(f"{path.name}.damaged-{moment}")
                path.rename(aside)
                kept.append(aside)
        sync_directory(self.state_dir)
        return tuple(kept)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
