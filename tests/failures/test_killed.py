"""SIGKILL at any moment: the next start finds the last good state, whole, and never less than was reported as done."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import ENDED_WITHIN_S, READY_WITHIN_S, School, environment

from schoolgate.config import load
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy import RevisionStore
from schoolgate.server import active_state as in_force
from schoolgate.server.active_state import ActiveState

APPLIES, BUILDS, STARTS = 8, 6, 5
# Of the time that a command takes here and now when it is left alone: kills fall before, into and after what it does.
EARLIEST, LATEST = 0.2, 1.2


def killed(here: School, after_s: float, *arguments: str | Path) -> int:
    """Runs a command of its own process group and kills all of it after a while; its exit code."""
    process = begun(here, *arguments)
    try:
        code = process.wait(after_s)
        assert code == 0, "left alone, it does what it should"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        code = process.wait(ENDED_WITHIN_S)
    return code


def took_s(here: School, *arguments: str | Path) -> float:
    """How long a command takes that is left alone."""
    begun_s = time.monotonic()
    assert begun(here, *arguments).wait(READY_WITHIN_S) == 0
    return time.monotonic() - begun_s


def begun(here: School, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "schoolgate", *map(str, arguments), "--config", str(here.config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )


def whole(here: School) -> ActiveState:
    """What a start would put in force, with the code of the start."""
    said: list[str] = []
    found = in_force.at_start(here.config, load(here.config), dt.datetime.now(dt.UTC), said.append)
    assert found.problems == found.lists.problems == ()
    assert said == [], "nothing had to be built anew"
    return found


def test_killed_while_applying_a_policy_the_store_has_the_old_or_the_new_one_whole(school: MakeSchool) -> None:
    here = school(is_started=False)
    store = RevisionStore(here.state / "policy.db")
    chance = random.Random(1)
    apply = ("policy", "apply", here.folder / "change.toml", "--reason", "test")
    write_change(here, store)
    whole_s = took_s(here, *apply)
    done = 2
    for _ in range(APPLIES):
        write_change(here, store)
        code = killed(here, whole_s * chance.uniform(EARLIEST, LATEST), *apply)
        found = store.verify()
        assert found in ((done + 1,) if code == 0 else (done, done + 1))
        done = found
    assert whole(here).revision.number == done
    here.start()
    assert here.status()["policy"]["revision"] == done
    assert here.filters()


def write_change(here: School, store: RevisionStore) -> None:
    latest = store.latest()
    assert latest is not None
    (here.folder / "change.toml").write_text(f"{latest.text}\n# after {latest.number}\n", encoding="utf-8")


def test_killed_while_building_lists_the_old_or_the_new_ones_are_whole(school: MakeSchool) -> None:
    here = school(is_started=False)
    store = SnapshotStore(here.state)
    chance = random.Random(2)
    whole_s = took_s(here, "lists", "build")
    done = 2
    for _ in range(BUILDS):
        code = killed(here, whole_s * chance.uniform(EARLIEST, LATEST), "lists", "build")
        opened = store.open_best()
        serial = opened.snapshot.serial
        assert opened.problems == ()
        assert serial in ((done + 1,) if code == 0 else (done, done + 1))
        done = serial
    assert whole(here).lists.snapshot.serial == done
    here.start()
    assert here.status()["lists"]["serial"] == done
    assert here.filters()


def test_killed_while_starting_for_the_first_time_the_next_start_comes_up(school: MakeSchool) -> None:
    begun_s = time.monotonic()
    school(is_new=True)
    whole_s = time.monotonic() - begun_s
    here = school(is_new=True, is_started=False)
    chance = random.Random(3)
    for at in range(STARTS):
        # One of them at least before it is done, whatever this machine does meanwhile.
        killed(here, whole_s * chance.uniform(EARLIEST, LATEST if at else 0.5), "serve")
    here.start()
    told = here.status()
    assert (told["policy"]["revision"], here.problems()) == (1, [])
    assert here.filters()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_leaves_state_that_starts_again(school: MakeSchool, number: signal.Signals) -> None:
    here = school()
    assert here.process is not None
    here.process.send_signal(number)
    assert here.process.wait(ENDED_WITHIN_S) == -number
    assert not list(here.state.glob("core*"))
    here.process = None
    here.start()
    assert here.filters()
    assert here.problems() == []
