"""Every policy that was ever in force: an append-only chain of revisions.

A revision says who applied it, when, why, and holds the whole text. Each carries a checksum over itself and the one
before, so that a changed or missing revision is found. Nothing is ever changed or deleted: a rollback is a new
revision with an old text.

SQLite in WAL mode: a writer that is killed leaves the last whole revision; two writers take turns; readers never wait.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config.problems import shown
from schoolgate.errors import SchoolgateError
from schoolgate.policy.check import LARGEST_POLICY_OCTETS

# A writer waits this long for another one to finish.
BUSY_TIMEOUT_S = 10.0
LONGEST_WHO = 200
LONGEST_WHY = 2000
# What SQLite says when it cannot make a file beside the database.
_NO_ROOM = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)
# What the first revision is chained to.
BEGINNING = "0" * 64

_SCHEMA = """
CREATE TABLE IF NOT EXISTS revision (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    text TEXT NOT NULL,
    rolls_back_to INTEGER,
    checksum TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS revision_is_never_changed BEFORE UPDATE ON revision
BEGIN SELECT RAISE(ABORT, 'revisions are never changed'); END;
CREATE TRIGGER IF NOT EXISTS revision_is_never_deleted BEFORE DELETE ON revision
BEGIN SELECT RAISE(ABORT, 'revisions are never deleted'); END;
CREATE TRIGGER IF NOT EXISTS revision_follows_the_last BEFORE INSERT ON revision
WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM revision)
BEGIN SELECT RAISE(ABORT, 'a revision follows the last one'); END;
"""
_COLUMNS = "number, at, who, why, text, rolls_back_to, checksum"


class RevisionsUnavailable(SchoolgateError):
    """The store cannot be read or written; nothing was changed."""


class RevisionsTampered(SchoolgateError):
    """The chain of checksums is broken."""


class NoSuchRevision(SchoolgateError):
    """There is no revision of this number."""


class RevisionRefused(SchoolgateError):
    """A revision needs a person, a reason and a text."""


@dataclass(frozen=True)
class Revision:
    """One policy as it was applied; `at` is in UTC."""

    number: int
    at: dt.datetime
    who: str
    why: str
    text: str
    rolls_back_to: int | None
    checksum: str


class RevisionStore:
    """The revisions in one file. Opened for each use; safe for many processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def apply(self, text: str, *, who: str, why: str, now: dt.datetime) -> Revision:
        """Appends a policy. The caller has checked the text: what does not parse must not come to be in force."""
        with self._writing() as connection:
            return _append(connection, text, who, why, now, None)

    def rollback(self, number: int, *, who: str, why: str, now: dt.datetime) -> Revision:
        """Appends a revision with the text of revision `number`."""
        with self._writing() as connection:
            return _append(connection, _one(connection, number).text, who, why, now, number)

    def start_with(self, text: str, *, who: str, why: str, now: dt.datetime) -> Revision:
        """The latest revision; when there is none, `text` becomes the first. Two starting processes make one."""
        with self._writing() as connection:
            latest = _latest(connection)
            return latest if latest is not None else _append(connection, text, who, why, now, None)

    def latest(self) -> Revision | None:
        """The revision in force, or None before the first."""
        with self._reading() as connection:
            return _latest(connection) if connection is not None else None

    def show(self, number: int) -> Revision:
        """One revision."""
        with self._reading() as connection:
            if connection is None:
                raise NoSuchRevision("no policy has been applied yet; apply one with `schoolgate policy apply FILE`")
            return _one(connection, number)

    def log(self) -> tuple[Revision, ...]:
        """All revisions, newest first."""
        with self._reading() as connection:
            if connection is None:
                return ()
            rows = connection.execute(f"SELECT {_COLUMNS} FROM revision ORDER BY number DESC")
            return tuple(_revision(row) for row in rows)

    def verify(self) -> int:
        """How many revisions there are; raises `RevisionsTampered` naming the first that does not fit the chain."""
        before = BEGINNING
        count = 0
        for revision in reversed(self.log()):
            count += 1
            if revision.number != count or revision.checksum != _checksum(revision, before):
                raise RevisionsTampered(
                    f"{self.path}: revision {revision.number} is not what was applied;"
                    " keep the file as evidence and restore it from a backup"
                )
            before = revision.checksum
        return count

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        if not self.path.exists():
            yield None
            return
        with self._connection(is_alone=self._has_no_room()) as connection:
            # A first writer that was killed may have left a file without a table.
            yield connection if _is_laid_out(connection) else None

    def _has_no_room(self) -> bool:
        """Whether the disk is too full for the small file through which SQLite lets several read at once.

        A school whose disk is full and whose machine starts anew must have its DNS, and its policy.
        """
        try:
            with self._connection() as connection:
                _is_laid_out(connection)
        except RevisionsUnavailable as error:
            cause = error.__cause__
            return isinstance(cause, sqlite3.Error) and (cause.sqlite_errorcode & 0xFF) in _NO_ROOM
        return False

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise RevisionsUnavailable(f"{self.path.parent}: {error.strerror}; check rights and space") from error
        with self._connection() as connection:
            self._lay_out(connection)
            # The lock is taken before the last revision is read, so that no other writer comes between.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self, *, is_alone: bool = False) -> Iterator[sqlite3.Connection]:
        """`is_alone`: keeps everybody else out, and needs no file beside the database for that."""
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        except sqlite3.Error as error:
            raise RevisionsUnavailable(f"{self.path}: {error}; check rights and space") from error
        try:
            if is_alone:  # to be said before anything is read
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # A revision that was reported as applied is on the disk, whatever happens to the power.
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
        except sqlite3.Error as error:
            raise RevisionsUnavailable(f"{self.path}: {error}; check rights and space, nothing was changed") from error
        finally:
            connection.close()

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        """Makes the table in a new file. SQLite does not queue writers that turn a file to WAL, so a lock file does."""
        if _is_laid_out(connection):
            return
        try:
            with self.path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
        except OSError as error:
            raise RevisionsUnavailable(f"{self.path}: {error.strerror}; check rights and space") from error


def _is_laid_out(connection: sqlite3.Connection) -> bool:
    """Whether the last thing that laying out makes is there."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'revision_follows_the_last'").fetchone()
    return found is not None


def _append(
    connection: sqlite3.Connection, text: str, who: str, why: str, now: dt.datetime, rolls_back_to: int | None
) -> Revision:
    _refuse_the_unexplained(text, who, why, now)
    latest = _latest(connection)
    at = now.astimezone(dt.UTC).replace(microsecond=0)
    number = latest.number + 1 if latest is not None else 1
    draft = Revision(number, at, who.strip(), why.strip(), text, rolls_back_to, "")
    checksum = _checksum(draft, latest.checksum if latest is not None else BEGINNING)
    revision = Revision(number, at, draft.who, draft.why, text, rolls_back_to, checksum)
    values = (number, at.isoformat(), draft.who, draft.why, text, rolls_back_to, checksum)
    connection.execute(f"INSERT INTO revision ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return revision


def _refuse_the_unexplained(text: str, who: str, why: str, now: dt.datetime) -> None:
    if now.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    if not who.strip() or len(who) > LONGEST_WHO:
        raise RevisionRefused(f"who applies the policy must be named in 1 to {LONGEST_WHO} characters")
    if not why.strip() or len(why) > LONGEST_WHY:
        raise RevisionRefused(f"give the reason in 1 to {LONGEST_WHY} characters, with --reason")
    if not text.strip() or len(text) > LARGEST_POLICY_OCTETS:
        raise RevisionRefused(f"{shown(text[:20])} is not a policy; write one as in the shipped templates")


def _checksum(revision: Revision, before: str) -> str:
    """Each field with its length in front, so that no two revisions have the same octets."""
    fields = (
        before,
        str(revision.number),
        revision.at.isoformat(),
        revision.who,
        revision.why,
        str(revision.rolls_back_to or 0),
        revision.text,
    )
    digest = hashlib.sha256()
    for octets in (value.encode("utf-8", "surrogatepass") for value in fields):
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()


def _latest(connection: sqlite3.Connection) -> Revision | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM revision ORDER BY number DESC LIMIT 1").fetchone()
    return _revision(row) if row is not None else None


def _one(connection: sqlite3.Connection, number: int) -> Revision:
    row = connection.execute(f"SELECT {_COLUMNS} FROM revision WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise NoSuchRevision(f"there is no revision {number}; `schoolgate policy log` lists them")
    return _revision(row)


def _revision(row: tuple[int, str, str, str, str, int | None, str]) -> Revision:
    number, at, who, why, text, rolls_back_to, checksum = row
    return Revision(number, dt.datetime.fromisoformat(at), who, why, text, rolls_back_to, checksum)
