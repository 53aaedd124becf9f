"""Killed at any moment, started again: what was in force is in force. What is damaged is said, and never ignored."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from pathlib import Path

from tests.integration.conftest import Start
from tests.integration.policies import POLICY, STRICTER
from tests.integration.serving import STOPPED_WITHIN_S, Serving


def applied(school: Serving, text: str) -> None:
    path = school.folder / "next.toml"
    path.write_text(text, encoding="utf-8")
    run = school.cli("policy", "apply", path, "--reason", "test")
    assert run.returncode == 0, run.stderr


def test_after_sigkill_policy_and_lists_are_as_they_were(start: Start) -> None:
    school = start(policy=POLICY)
    applied(school, STRICTER)
    assert school.cli("lists", "build").returncode == 0
    school.kill()
    assert school.cli("status").returncode == 1
    school.start()
    status = school.control("status")
    assert (status["policy"]["revision"], status["lists"]["serial"]) == (2, 2)
    assert school.problems() == []
    assert school.rcode("games.example.org") == "NXDOMAIN"


def test_a_build_killed_half_way_leaves_the_snapshot_in_force(start: Start) -> None:
    school = start(policy=POLICY)
    school.kill()
    work = school.state / "lists" / "work"
    (work / "2.candidate").write_bytes(b"half")
    (work / "current.new").symlink_to("2.snapshot")
    school.start()
    assert school.control("status")["lists"]["serial"] == 1
    assert school.cli("lists", "build").returncode == 0
    assert school.control("status")["lists"]["serial"] == 2


def test_a_damaged_snapshot_falls_back_to_the_one_before_and_says_so(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.cli("lists", "build").returncode == 0
    school.stop()
    damage(school, 2)
    school.start()
    status = school.control("status")
    assert status["lists"]["serial"] == 1
    assert any("2.snapshot" in problem for problem in status["problems"])
    assert school.rcode("gambling.blocked.example.com") == "NXDOMAIN"


def test_a_reload_beside_a_damaged_snapshot_still_takes_the_rest(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.cli("lists", "build").returncode == 0
    school.stop()
    damage(school, 2)
    school.start()
    assert school.cli("reload").returncode == 0
    assert school.cli("lists", "build").returncode == 0
    status = school.control("status")
    assert (status["lists"]["serial"], school.problems()) == (3, [])


def test_a_snapshot_damaged_while_serving_is_refused_and_the_one_in_memory_stays(start: Start) -> None:
    school = start(policy=POLICY)
    store = school.state / "lists"
    shutil.copy(store / "1.snapshot", store / "2.snapshot")
    damage(school, 2)
    (store / "current").unlink()
    (store / "current").symlink_to("2.snapshot")
    run = school.cli("reload")
    assert run.returncode == 1
    assert "2.snapshot" in run.stderr
    assert school.control("status")["lists"]["serial"] == 1
    assert school.rcode("gambling.blocked.example.com") == "NXDOMAIN"


def test_when_every_snapshot_is_damaged_the_lists_are_built_anew(start: Start) -> None:
    school = start(policy=POLICY)
    school.stop()
    damage(school, 1)
    school.start()
    assert school.control("status")["lists"]["serial"] == 2
    assert school.rcode("gambling.blocked.example.com") == "NXDOMAIN"


def test_after_an_upgrade_that_reads_other_snapshots_the_lists_are_built_anew(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.cli("lists", "rollback", "1").returncode == 0
    school.stop()
    of_version(school, 1, 2)
    school.start()
    assert school.rcode("gambling.blocked.example.com") == "NXDOMAIN"
    status = school.control("status")
    assert status["lists"]["serial"] == 2
    assert any("pinned to serial 1" in problem for problem in status["problems"])
    assert school.cli("lists", "unpin").returncode == 0
    assert any("format version 2" in problem for problem in status["problems"])
    run = school.cli("lists", "rollback", "1")
    assert run.returncode == 1
    assert "1.snapshot: has format version 2" in run.stderr
    assert school.control("status")["lists"]["serial"] == 2
    school.stop()
    school.start()
    assert not any("format version" in problem for problem in school.control("status")["problems"])


def test_without_any_usable_list_it_does_not_start(start: Start) -> None:
    school = start(policy=POLICY, is_started=False)
    text = school.config.read_text(encoding="utf-8")
    lists = '[lists]\nextra = [{ path = "missing.txt", category = "gambling", match = "suffix" }]\n'
    school.config.write_text(text + lists, encoding="utf-8")
    assert school.launch().wait(STOPPED_WITHIN_S) == 1
    assert "missing.txt" in school.said()
    assert "nothing to fall back to" in school.said()
    assert "Traceback" not in school.said()


def test_a_revision_changed_behind_our_back_is_reported(start: Start) -> None:
    school = start(policy=POLICY)
    applied(school, STRICTER)
    school.stop()
    tamper(school)
    school.start()
    assert any("revision 1 is not what was applied" in problem for problem in school.control("status")["problems"])


def test_a_crash_leaves_no_core_file_to_read(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.process is not None
    limits = Path(f"/proc/{school.process.pid}/limits").read_text(encoding="ascii").splitlines()
    core = next(line for line in limits if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_sigint_stops_it_like_sigterm(start: Start) -> None:
    school = start(policy=POLICY)
    process = school.process
    assert process is not None
    school.signal(signal.SIGINT)
    assert process.wait(STOPPED_WITHIN_S) == 0
    assert not (school.state / "control.sock").exists()


def damage(school: Serving, serial: int) -> None:
    """One bit in the middle of a snapshot."""
    path = school.state / "lists" / f"{serial}.snapshot"
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def of_version(school: Serving, serial: int, version: int) -> None:
    """A snapshot says that it is of another format version."""
    path = school.state / "lists" / f"{serial}.snapshot"
    octets = bytearray(path.read_bytes())
    octets[8] = version
    path.write_bytes(octets)


def tamper(school: Serving) -> None:
    connection = sqlite3.connect(school.state / "policy.db")
    try:
        connection.execute("DROP TRIGGER revision_is_never_changed")
        connection.execute("UPDATE revision SET why = 'somebody else' WHERE number = 1")
        connection.commit()
    finally:
        connection.close()
