"""The worker process: bounded in time, memory and files, and replaced when it dies."""

from __future__ import annotations

import datetime as dt
import os
import signal
import threading
from pathlib import Path

import duckdb
import pytest
from tests.stand_in.query_log import NOON, row, wal, write_parquet, write_rows

from schoolgate.querylog import Query, QueryLog, SearchFailed, SearchTooLarge, SearchTooLong
from schoolgate.querylog.connection import connect
from schoolgate.querylog.process import _problem
from schoolgate.querylog.scratch import scratch, sweep
from schoolgate.querylog.worker import _answer


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_rows(tmp_path, wal(1), [row(time=NOON - dt.timedelta(seconds=second)) for second in range(5)])
    return tmp_path


def test_a_search_that_takes_too_long_is_ended_and_the_next_one_works(state: Path) -> None:
    many = state / "log" / "rows" / f"day={NOON.date()}" / "class=ordinary" / f"{wal(2)}.parquet"
    write_many(many, 3_000_000)
    with QueryLog(state, time_limit_s=0.05) as log:
        for _ in range(2):
            with pytest.raises(SearchTooLong, match=r"did not end within 0.05 s; ask for a shorter time"):
                log.totals(Query())
        many.unlink()
        # This one must succeed, on a machine however busy.
        log._limit_s = 60.0
        assert log.totals(Query()).rows == 5


def test_an_interrupt_that_falls_between_two_statements_is_repeated(tmp_path: Path) -> None:
    connection = connect(tmp_path, tmp_path)
    was_interrupted = threading.Event()

    def interrupt() -> None:
        connection.interrupt()
        was_interrupted.set()

    def after_an_interrupt(_: object) -> object:
        assert was_interrupted.wait(60.0)
        return connection.execute("SELECT sum(hash(i)) FROM range(1_000_000_000) t(i)").fetchall()

    answer = _answer(interrupt, {"search": after_an_interrupt}, {"do": "search", "limit_s": 0.0})
    assert answer["problem"] == "time"
    assert connection.execute("SELECT 1").fetchall() == [(1,)], "what follows is left alone"


def write_many(path: Path, rows: int) -> None:
    """Rows of as many names: to count those takes a while."""
    write_parquet(path, [row()])
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT one.* REPLACE (i || '.example.org' AS qname) FROM '{path}' one, range({rows}) t(i))"
            f" TO '{path}.many' (FORMAT parquet)"
        )
    path.with_name(f"{path.name}.many").replace(path)


def test_a_worker_that_hangs_is_killed_and_the_next_one_works(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schoolgate.querylog.process.GRACE_S", 0.2)
    with QueryLog(state, time_limit_s=60.0) as log:
        log.totals(Query())
        os.kill(pid_of(log), signal.SIGSTOP)
        log._limit_s = 0.3
        with pytest.raises(SearchTooLong):
            log.totals(Query())
    with QueryLog(state) as log:
        assert log.totals(Query()).rows == 5


def test_a_worker_that_the_kernel_ended_is_told_as_lack_of_memory(state: Path) -> None:
    with QueryLog(state) as log:
        log.totals(Query())
        os.kill(pid_of(log), signal.SIGKILL)
        with pytest.raises(SearchTooLarge, match="more memory than it may have; ask for a shorter time"):
            log.totals(Query())
        assert log.totals(Query()).rows == 5


def test_too_little_memory_is_told_as_a_plain_sentence(state: Path, tmp_path: Path) -> None:
    connection = connect(tmp_path, tmp_path)
    greedy = {"greedy": lambda _: connection.execute("SELECT list(i) FROM range(200_000_000) t(i)").fetchall()}
    answer = _answer(connection.interrupt, greedy, {"do": "greedy", "limit_s": 60.0})
    assert answer["problem"] == "memory"
    assert "more memory than it may have" in str(_problem(answer["problem"], answer["text"], 60.0))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/schoolgate-test-out.csv'",
        "ATTACH '/tmp/schoolgate-test.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '100GB'",
        "SELECT * FROM read_csv('http://192.0.2.1/x.csv')",
    ],
)
def test_the_database_reaches_the_log_and_nothing_else(state: Path, statement: str) -> None:
    connection = connect(state / "log", state / "log" / "tmp")
    (path,) = (state / "log" / "rows").rglob("*.parquet")
    found = connection.execute("SELECT count(*) FROM read_parquet(?, hive_partitioning = false)", [[str(path)]])
    assert found.fetchone() == (5,)
    with pytest.raises(duckdb.Error):
        connection.execute(statement).fetchall()


def test_a_path_that_duckdb_takes_for_a_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchFailed, match=r"choose another server\.state_dir"):
        connect(tmp_path / "state[1]", tmp_path)


def test_nothing_is_left_in_the_scratch_and_what_was_killed_is_swept(state: Path) -> None:
    place = state / "log" / "tmp"
    with QueryLog(state) as log:
        log.totals(Query())
        assert len(list(place.iterdir())) == 1
        assert sweep(place) == 0  # somebody works in it
        os.kill(pid_of(log), signal.SIGKILL)
        with pytest.raises(SearchTooLarge):
            log.totals(Query())
        assert sweep(place) == 1
    with scratch(place) as mine:
        (mine / "rows").touch()
    assert list(place.iterdir()) == []


def pid_of(log: QueryLog) -> int:
    pid = log._worker.pid
    assert pid is not None
    return pid
