"""Lists that are missing, damaged or taken away: the last good ones stay in force, in memory and on disk."""

from __future__ import annotations

import fcntl
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import ENDED_WITHIN_S, School, environment
from tests.waiting import until

from schoolgate.config import shipped_lists

SHIPPED_COPY = '\n[lists]\ndir = "lists"\n'
OWN_LIST = '\n[lists]\nextra = [{ path = "ours.txt", category = "gambling", match = "suffix" }]\n'


@pytest.fixture
def with_own_copy(school: MakeSchool) -> School:
    """A server whose shipped lists may be damaged."""
    here: School = school(settings=SHIPPED_COPY, is_started=False)
    shutil.copytree(shipped_lists(), here.folder / "lists")
    here.start()
    return here


def refused_build(here: School) -> str:
    run = here.cli("lists", "build")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "the lists in force stay: serial 1" in run.stderr
    assert here.status()["lists"]["serial"] == 1
    assert here.filters()
    return run.stderr


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00" * 100, b"gambling.example\n"], ids=["empty", "binary", "bare"])
def test_a_damaged_shipped_list_is_named_and_the_lists_in_force_stay(with_own_copy: School, damage: bytes) -> None:
    path = with_own_copy.folder / "lists" / "starter" / "gambling.txt"
    path.write_bytes(damage)
    assert str(path) in refused_build(with_own_copy)


def test_a_folder_of_lists_that_is_gone_is_named_and_the_lists_in_force_stay(with_own_copy: School) -> None:
    shutil.rmtree(with_own_copy.folder / "lists")
    assert str(with_own_copy.folder / "lists") in refused_build(with_own_copy)


def test_noise_in_a_list_of_the_school_is_skipped_line_by_line_and_counted(school: MakeSchool) -> None:
    here = school(settings=OWN_LIST, is_started=False)
    chance = random.Random(4)
    noise = ["".join(chance.choices("!$%&()<>ab01 .é", k=chance.randrange(1, 90))) for _ in range(2000)]
    lines = [*noise, "ours.example.net", "x" * 5000]
    (here.folder / "ours.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    here.start()
    run = here.cli("lists", "build")
    assert run.returncode == 0, run.stderr
    assert "lines skipped" in run.stdout + run.stderr
    assert here.rcode("www.ours.example.net") == "NXDOMAIN"
    assert here.filters()


def test_a_list_of_the_school_that_is_no_text_is_refused_and_the_lists_in_force_stay(school: MakeSchool) -> None:
    here = school(settings=OWN_LIST, is_started=False)
    (here.folder / "ours.txt").write_bytes(random.Random(5).randbytes(50_000))
    here.start()
    assert str(here.folder / "ours.txt") in refused_build(here)


def test_a_snapshot_cut_short_under_the_server_changes_nothing_until_the_next_build(school: MakeSchool) -> None:
    here = school()
    with (here.state / "lists" / "1.snapshot").open("r+b") as snapshot:
        snapshot.truncate(100)
    assert here.filters()
    assert here.cli("reload").returncode == 0
    assert here.filters()
    assert here.cli("lists", "build").returncode == 0
    assert here.status()["lists"]["serial"] == 2
    assert here.filters()


def test_after_a_build_is_killed_the_next_waits_for_its_compiler(school: MakeSchool) -> None:
    here = school(is_started=False)
    began, release = here.folder / "began", here.folder / "release"
    command = [sys.executable, "-m", "tests.failures.hanging_build", "lists", "build", "--config", str(here.config)]
    build = subprocess.Popen(command, env=environment() | {"BEGAN": str(began), "RELEASE": str(release)})
    try:
        until(began.exists)
    finally:
        build.kill()
        build.wait(ENDED_WITHIN_S)
    lock = here.state / "lists" / "build.lock"
    assert _is_held(lock)
    release.touch()
    until(lambda: not _is_held(lock))
    run = here.cli("lists", "build")
    assert run.returncode == 0, run.stderr
    assert "lists serial 2" in run.stdout


def _is_held(path: Path) -> bool:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_compiler_that_dies_leaves_the_lists_in_force(school: MakeSchool) -> None:
    here = school()
    # Nobody may write more than 4 KiB, as when a quota or a memory limit ends the compiler.
    run = here.cli("lists", "build", wrap=["prlimit", "--fsize=4096"])
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert here.status()["lists"]["serial"] == 1
    assert here.filters()
