"""The chain of revisions: append-only, explained, tamper-evident, safe against crashes and rivals."""

import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schoolgate.policy import (
    NoSuchRevision,
    RevisionRefused,
    RevisionsTampered,
    RevisionStore,
    RevisionsUnavailable,
)

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.fixture
def store(tmp_path: Path) -> RevisionStore:
    return RevisionStore(tmp_path / "state" / "policy.db")


def apply(store: RevisionStore, text: str) -> int:
    return store.apply(text, who="sam", why="because", now=NOW).number


def test_before_the_first_revision_there_is_nothing_and_reading_makes_no_file(store: RevisionStore) -> None:
    assert store.latest() is None
    assert store.log() == ()
    assert store.verify() == 0
    with pytest.raises(NoSuchRevision, match="policy apply"):
        store.show(1)
    assert not store.path.exists()


def test_a_revision_says_who_when_and_why_in_utc(store: RevisionStore) -> None:
    one = store.apply("a = 1", who=" sam ", why="first", now=NOW)
    assert store.latest() == store.show(1) == one
    assert (one.number, one.who, one.why, one.text) == (1, "sam", "first", "a = 1")
    assert one.at == dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)
    assert one.at.utcoffset() == dt.timedelta(0)


def test_a_rollback_is_a_new_revision_with_the_old_text(store: RevisionStore) -> None:
    apply(store, "a = 1")
    apply(store, "a = 2")
    third = store.rollback(1, who="kim", why="2 broke lessons", now=NOW)
    assert (third.number, third.text, third.rolls_back_to) == (3, "a = 1", 1)
    assert [one.number for one in store.log()] == [3, 2, 1]
    assert store.verify() == 3
    with pytest.raises(NoSuchRevision, match="no revision 9"):
        store.rollback(9, who="kim", why="x", now=NOW)
    assert store.verify() == 3


@pytest.mark.parametrize(
    ("text", "who", "why"),
    [("", "a", "b"), ("x", " ", "b"), ("x", "a", ""), ("x", "a" * 201, "b"), ("x", "a", "b" * 2001)],
)
def test_without_a_person_a_reason_or_a_text_nothing_is_kept(
    store: RevisionStore, text: str, who: str, why: str
) -> None:
    with pytest.raises(RevisionRefused):
        store.apply(text, who=who, why=why, now=NOW)
    assert store.log() == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE revision SET text = 'b'",
        "DELETE FROM revision",
        "INSERT INTO revision SELECT 9, at, who, why, text, NULL, checksum FROM revision",
        "INSERT OR REPLACE INTO revision SELECT number, at, who, why, 'b', NULL, checksum FROM revision",
    ],
)
def test_the_file_itself_refuses_changes(store: RevisionStore, statement: str) -> None:
    apply(store, "a = 1")
    connection = sqlite3.connect(store.path)
    with pytest.raises(sqlite3.IntegrityError, match="revision"):
        connection.execute(statement)
    connection.close()
    assert store.show(1).text == "a = 1"


@pytest.mark.parametrize(
    ("statement", "first_broken"),
    [
        ("UPDATE revision SET text = 'x' WHERE number = 2", 2),
        ("UPDATE revision SET who = 'x' WHERE number = 1", 1),
        ("UPDATE revision SET at = '2020-01-01T00:00:00+00:00' WHERE number = 3", 3),
        ("UPDATE revision SET rolls_back_to = 1 WHERE number = 2", 2),
        ("DELETE FROM revision WHERE number = 2", 3),
        ("DELETE FROM revision WHERE number = 1", 2),
    ],
)
def test_whoever_gets_round_the_triggers_is_found_by_the_chain(
    store: RevisionStore, statement: str, first_broken: int
) -> None:
    for text in ("a = 1", "a = 2", "a = 3"):
        apply(store, text)
    connection = sqlite3.connect(store.path)
    connection.executescript(
        f"DROP TRIGGER revision_is_never_changed; DROP TRIGGER revision_is_never_deleted; {statement};"
    )
    connection.close()
    with pytest.raises(RevisionsTampered, match=f"revision {first_broken} "):
        store.verify()


def test_two_who_start_at_once_make_one_first_revision(store: RevisionStore) -> None:
    def start(text: str) -> str:
        return RevisionStore(store.path).start_with(text, who="schoolgate", why="first start", now=NOW).text

    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(start, (f"a = {number}" for number in range(8))))
    assert len(texts) == 1
    assert store.verify() == 1


def test_rivals_take_turns_and_no_revision_is_lost(store: RevisionStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda number: apply(RevisionStore(store.path), f"a = {number}"), range(24)))
    assert sorted(numbers) == list(range(1, 25))
    assert store.verify() == 24
    assert {one.text for one in store.log()} == {f"a = {number}" for number in range(24)}


KILLED = """
import datetime as dt, os, signal, sys
from pathlib import Path
from schoolgate.policy import RevisionStore
store = RevisionStore(Path(sys.argv[1]))
now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
store.apply("a = 1", who="sam", why="kept", now=now)
with store._writing() as connection:
    connection.execute("INSERT INTO revision VALUES (2, '', '', '', 'half', NULL, '')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_that_is_killed_leaves_the_last_whole_revision(store: RevisionStore) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(store.path)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert store.verify() == 1
    assert apply(store, "a = 2") == 2


def test_a_damaged_file_or_an_impossible_place_is_said_plainly(store: RevisionStore, tmp_path: Path) -> None:
    apply(store, "a = 1")
    for path in store.path.parent.glob("policy.db*"):
        path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(RevisionsUnavailable, match=r"policy\.db"):
        store.latest()
    (tmp_path / "file").write_text("")
    with pytest.raises(RevisionsUnavailable):
        apply(RevisionStore(tmp_path / "file" / "policy.db"), "a = 1")


def test_a_file_that_was_only_just_made_holds_nothing(store: RevisionStore) -> None:
    store.path.parent.mkdir()
    store.path.touch()
    assert store.latest() is None
    assert apply(store, "a = 1") == 1
