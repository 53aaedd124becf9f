"""A process that asks often keeps its workers for a minute; one that does not ends them at once."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.stand_in.query_log import NOON, row, wal, write_rows

from schoolgate.querylog import Query, QueryLog, SearchTooLong
from schoolgate.querylog import log as log_module
from schoolgate.querylog.idle_workers import IDLE_S, MOST_IDLE, IdleWorkers


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_rows(tmp_path, wal(1), [row(time=NOON - dt.timedelta(seconds=second)) for second in range(5)])
    return tmp_path


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idle(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdleWorkers]:
    made = IdleWorkers(clock)
    monkeypatch.setattr(log_module, "IDLE", made)
    yield made
    made.end()


def _asked(state: Path) -> int:
    """The process that answered, which found every row."""
    with QueryLog(state) as log:
        assert log.count(Query()) == 5
        pid = log._worker.pid
        assert pid is not None
        return pid


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_answers_again_until_it_was_idle_for_a_minute(state: Path, idle: IdleWorkers, clock: Clock) -> None:
    idle.begin()
    first = _asked(state)
    assert _asked(state) == first
    clock.now = IDLE_S - 1
    idle.end_old()
    assert _asked(state) == first
    clock.now += IDLE_S
    idle.end_old()
    assert not _is_there(first)
    assert _asked(state) != first


def test_without_a_beginning_and_after_the_end_none_is_kept(state: Path, idle: IdleWorkers) -> None:
    assert not _is_there(_asked(state))
    idle.begin()
    kept = _asked(state)
    idle.end()
    assert not _is_there(kept)
    assert not _is_there(_asked(state))


def test_what_was_erased_is_in_no_idle_worker(state: Path, idle: IdleWorkers) -> None:
    idle.begin()
    kept = _asked(state)
    idle.forget()
    assert not _is_there(kept)
    assert _is_there(_asked(state)), "the next one is kept again"


def test_a_worker_that_was_killed_is_not_given_out(state: Path, idle: IdleWorkers) -> None:
    idle.begin()
    killed = _asked(state)
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    assert _asked(state) != killed


def test_a_worker_that_was_late_is_not_kept(state: Path, idle: IdleWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schoolgate.querylog.process.GRACE_S", 0.0)
    idle.begin()
    with QueryLog(state, time_limit_s=0.0) as log:
        with pytest.raises(SearchTooLong):
            log.count(Query())
        assert log._worker.pid is None
    assert _asked(state)


def test_logs_do_not_share_workers_and_few_are_kept(tmp_path: Path, idle: IdleWorkers) -> None:
    idle.begin()
    states = [tmp_path / str(one) for one in range(2)]
    for one in states:
        write_rows(one, wal(1), [row(time=NOON - dt.timedelta(seconds=second)) for second in range(5)])
    assert _asked(states[0]) != _asked(states[1])
    with ThreadPoolExecutor(MOST_IDLE + 2) as threads:
        pids = set(threads.map(_asked, [states[0]] * (MOST_IDLE + 2)))
    assert sum(map(_is_there, pids)) <= MOST_IDLE
