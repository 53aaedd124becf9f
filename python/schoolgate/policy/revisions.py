"""Every policy that was ever in force: an append-only chain of revisions.

A revision says who applied it, when, why, and holds the whole text. Each carries a checksum over itself and the one
before, so that a changed or missing revision is found. Nothing is ever changed or deleted: a rollback is a new
revision with an old text.

SQLite in WAL mode: a writer that is killed leaves the last whole revision; two writers take turns; readers never wait.
The server does not start from this file: `active_file.py` is what it reads, `store_check.py` compares the two.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from schoolgate.config.problems import shown
from schoolgate.errors import SchoolgateError
from schoolgate.policy.check import LARGEST_POLICY_OCTETS
from schoolgate.policy.revision import BEGINNING, Revision, Tail, checksum_of
from schoolgate.storage.atomic_file import sync_directory

# A writer waits this long for another one to finish.
BUSY_TIMEOUT_S = 10.0
LONGEST_WHO = 200
LONGEST_WHY = 2000
# What SQLite says when it cannot make a file beside the database.
_NO_ROOM = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)
# What SQLite says of a file that is not what it wrote.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA)

_INSTALLATION = """
CREATE TABLE IF NOT EXISTS installation (
    id TEXT NOT NULL,
    begins_after INTEGER NOT NULL,
    begins_with TEXT NOT NULL
) STRICT;
"""
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
WHEN NEW.number IS NOT
    (SELECT coalesce((SELECT max(number) FROM revision), (SELECT max(begins_after) FROM installation), 0) + 1)
BEGIN SELECT RAISE(ABORT, 'a revision follows the last one'); END;
"""
_COLUMNS = "number, at, who, why, text, rolls_back_to, checksum"


class RevisionsUnavailable(SchoolgateError):
    """The store cannot be read or written; nothing was changed."""


class RevisionsDamaged(RevisionsUnavailable):
    """The file is there and is not a store of revisions any more."""


class _RowUnreadable(ValueError):
    """A row that no store wrote."""


class RevisionsTampered(SchoolgateError):
    """The chain of checksums is broken."""


class NoSuchRevision(SchoolgateError):
    """There is no revision of this number."""


class RevisionRefused(SchoolgateError):
    """A revision needs a person, a reason and a text."""


class RevisionOvertaken(RevisionRefused):
    """Another revision was applied after the one that the text was made from."""


class RevisionStore:
    """The revisions in one file. Opened for each use; safe for many processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def apply(self, text: str, *, who: str, why: str, now: dt.datetime, follows: int | None = None) -> Revision:
        """Appends a policy. The caller has checked the text: what does not parse must not come to be in force.
        `follows`: the revision that the text was made from, 0 for none; raises `RevisionRefused` where another is the
        latest by now."""
        with self._writing() as connection:
            latest = _latest(connection)
            if follows is not None and follows != (latest.number if latest is not None else 0):
                raise RevisionOvertaken("another revision was applied meanwhile; nothing was applied: do it again")
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

    def tail(self, since: int | None = None) -> Tail | None:
        """The revisions from number `since` on (the latest, where that is an earlier one or `since` is None); None
        where there is none."""
        with self._reading() as connection:
            latest = _latest(connection) if connection is not None else None
            if connection is None or latest is None:
                return None
            installation, begins_after, begins_with = _beginning(connection)
            first = latest.number if since is None else max(min(since, latest.number), begins_after + 1)
            rows = connection.execute(f"SELECT {_COLUMNS} FROM revision WHERE number >= ? ORDER BY number", (first,))
            revisions = tuple(_revision(row) for row in rows)
            before = connection.execute("SELECT checksum FROM revision WHERE number = ?", (first - 1,)).fetchone()
            return Tail(installation, before[0] if before is not None else begins_with, revisions)

    def identify(self, installation: str | None = None) -> str:
        """The identity of the installation, kept in the store; gives it one where it has none."""
        with self._writing() as connection:
            found = _beginning(connection)[0]
            if found is not None:
                return found
            made = installation or secrets.token_hex(16)
            connection.execute(_INSTALLATION)
            connection.execute("INSERT INTO installation VALUES (?, 0, ?)", (made, BEGINNING))
            return made

    def verify(self) -> int:
        """How many revisions there are; raises `RevisionsTampered` naming the first that does not fit the chain, and
        `RevisionsDamaged` where the file itself is broken."""
        with self._reading() as connection:
            if connection is None:
                return 0
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise RevisionsDamaged(f"{self.path}: {found}")
            _, begins_after, before = _beginning(connection)
        count = 0
        for revision in reversed(self.log()):
            count += 1
            if revision.number != begins_after + count or revision.checksum != checksum_of(revision, before):
                raise RevisionsTampered(f"{self.path}: revision {revision.number} is not what was applied")
            before = revision.checksum
        return count

    def rebuild(
        self, installation: str, before: str, revisions: Iterable[Revision], make_way: Callable[[], None]
    ) -> None:
        """Makes a new store of these revisions, which follow each other; the first is chained to `before`.

        `make_way` moves the old files away, when the new one is on the disk. Raises `OSError`; a process that is killed
        here leaves the old store, none, or the whole new one.
        """
        aside = RevisionStore(self.path.with_name(f"{self.path.name}.new"))
        for leftover in (*aside.files(), aside.path.with_suffix(".lock")):
            leftover.unlink(missing_ok=True)
        with aside._writing() as connection:
            for index, revision in enumerate(revisions):
                if index == 0:
                    values = (installation, revision.number - 1, before)
                    connection.execute("INSERT INTO installation VALUES (?, ?, ?)", values)
                _insert(connection, revision)
        make_way()
        aside.path.replace(self.path)
        sync_directory(self.path.parent)

    def files(self) -> tuple[Path, ...]:
        """The database and what SQLite keeps beside it."""
        return (self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm")))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        if not self.path.exists():
            yield None
            return
        with self._connection(is_alone=self._has_no_room()) as connection:
            # A first writer that was killed may have left a file without a table, or with an empty one.
            is_laid_out = _is_laid_out(connection)
            if not is_laid_out and _has_rows(connection):
                raise RevisionsDamaged(f"{self.path}: holds revisions, and not what belongs to them")
            yield connection if is_laid_out else None

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
        if self.path.exists() and not self.path.is_file():
            raise RevisionsDamaged(f"{self.path}: is not a file")
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
        except (sqlite3.Error, _RowUnreadable) as error:
            # What has no code is said by Python: text that is not UTF-8.
            if (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF) in _DAMAGED:
                raise RevisionsDamaged(f"{self.path}: {error}") from error
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
                connection.executescript(_INSTALLATION + _SCHEMA)
        except OSError as error:
            raise RevisionsUnavailable(f"{self.path}: {error.strerror}; check rights and space") from error


def _is_laid_out(connection: sqlite3.Connection) -> bool:
    """Whether the last thing that laying out makes is there."""
    return _has(connection, "revision_follows_the_last")


def _has_rows(connection: sqlite3.Connection) -> bool:
    return _has(connection, "revision") and connection.execute("SELECT 1 FROM revision").fetchone() is not None


def _has(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def _beginning(connection: sqlite3.Connection) -> tuple[str | None, int, str]:
    """Identity of the installation, and the number and checksum that the first revision kept here follows."""
    row = (
        connection.execute("SELECT id, begins_after, begins_with FROM installation").fetchone()
        if _has(connection, "installation")
        else None
    )
    return row if row is not None else (None, 0, BEGINNING)


def _append(
    connection: sqlite3.Connection, text: str, who: str, why: str, now: dt.datetime, rolls_back_to: int | None
) -> Revision:
    _refuse_the_unexplained(text, who, why, now)
    latest = _latest(connection)
    at = now.astimezone(dt.UTC).replace(microsecond=0)
    number = latest.number + 1 if latest is not None else 1
    draft = Revision(number, at, who.strip(), why.strip(), text, rolls_back_to, "")
    revision = replace(draft, checksum=checksum_of(draft, latest.checksum if latest is not None else BEGINNING))
    _insert(connection, revision)
    return revision


def _insert(connection: sqlite3.Connection, one: Revision) -> None:
    values = (one.number, one.at.isoformat(), one.who, one.why, one.text, one.rolls_back_to, one.checksum)
    connection.execute(f"INSERT INTO revision ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def _refuse_the_unexplained(text: str, who: str, why: str, now: dt.datetime) -> None:
    if now.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    if not who.strip() or len(who) > LONGEST_WHO:
        raise RevisionRefused(f"who applies the policy must be named in 1 to {LONGEST_WHO} characters")
    if not why.strip() or len(why) > LONGEST_WHY:
        raise RevisionRefused(f"give the reason in 1 to {LONGEST_WHY} characters, with --reason")
    if not text.strip() or len(text) > LARGEST_POLICY_OCTETS:
        raise RevisionRefused(f"{shown(text[:20])} is not a policy; write one as in the shipped templates")


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
    try:
        return Revision(number, dt.datetime.fromisoformat(at), who, why, text, rolls_back_to, checksum)
    except (TypeError, ValueError) as error:
        raise _RowUnreadable(f"revision {number} has no time") from error
