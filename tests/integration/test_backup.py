"""`backup key | create | list | test | restore` from outside: a school that answers, and a machine that has nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.failures.namespaces import needs_mounts, with_mounts
from tests.integration.conftest import Start
from tests.integration.serving import Serving
from tests.program.forked import ran

from schoolgate.checks.record import CheckRecord

DENIED = "gambling.blocked.example.com"
ELSEWHERE_ONLY = """
format = 1
allowed_clients = ["10.0.0.0/8"]
strictest = "pupils"
[policies.pupils]
unknown = "allow"
[policies.pupils.categories]
gambling = "deny"
[segments.pupils]
prefixes = ["10.1.0.0/16"]
policy = "pupils"
"""


class School:
    """A service with a disk for backups, and a key that is kept elsewhere."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.disk, self.identity = serving.folder / "disk", serving.folder / "key.txt"
        self.disk.mkdir()
        with serving.config.open("a", encoding="utf-8") as config:
            config.write(f'[backup.targets.disk]\nkind = "folder"\nfolder = "{self.disk}"\n')

    def done(self, *arguments: str | Path) -> str:
        run = self.serving.cli("backup", *arguments)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def with_audit_log(self) -> None:
        store = self.serving.state / "control.db"
        command = [sys.executable, "-m", "tests.integration.audit_writer", str(store), "20"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> School:
    """A school that answered, was backed up while it did, and is stopped."""
    school = School(Serving(tmp_path_factory.mktemp("school"), 1))
    school.serving.start()
    school.with_audit_log()
    assert school.serving.rcode(DENIED) == "NXDOMAIN"
    school.done("key", "--out", school.identity)
    school.done("create", "--with-log")
    school.serving.stop()
    return school


def elsewhere(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command on a machine that has neither settings nor state of the school."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "SCHOOLGATE_STATE_DIR": str(folder / "state")}
    return ran(["backup", *map(str, arguments)], timeout=120, env=environ | {"COLUMNS": "200", "TERM": "dumb"})


def test_a_backup_is_proved_on_a_machine_without_the_old_keys(backed_up: School, tmp_path: Path) -> None:
    (backup,) = backed_up.disk.iterdir()
    shutil.copyfile(backup, tmp_path / backup.name)
    shutil.copyfile(backed_up.identity, tmp_path / "key.txt")
    gone = backed_up.serving.folder.rename(tmp_path / "gone")
    try:
        run = elsewhere("test", tmp_path / backup.name, "-i", tmp_path / "key.txt", "--json", folder=tmp_path)
    finally:
        gone.rename(backed_up.serving.folder)
    assert run.returncode == 0, run.stdout + run.stderr
    steps = {one["name"]: one["said"] for one in json.loads(run.stdout)["steps"]}
    assert f"{DENIED}: denied" in steps["answer"]
    # Two questions: the school's own, and that of the test.
    assert "2 rows found, 2 of the question" in steps["query log"]
    assert "in 2 epochs" in steps["audit log"]
    assert "another installation" in run.stderr
    assert not (tmp_path / "state").exists()


def test_a_test_restore_is_kept_as_a_check_and_in_the_audit_log(backed_up: School) -> None:
    name = next(backed_up.disk.iterdir()).name
    said = backed_up.done("test", name, "-i", backed_up.identity)
    assert said.count("ok  ") == 4
    newest = CheckRecord(backed_up.serving.state).newest("restore")
    assert newest is not None
    assert (newest["ok"], newest["backup"]) == (True, name)
    logged = json.loads(backed_up.serving.cli("audit", "log", "-n", "1", "--json").stdout)[0]
    assert (logged["operation"], logged["outcome"]) == ("backup.test", "done")


def test_a_wrong_key_is_kept_as_a_failed_check(backed_up: School, tmp_path: Path) -> None:
    name = next(backed_up.disk.iterdir()).name
    elsewhere("key", "--out", tmp_path / "other.txt", folder=tmp_path)
    run = backed_up.serving.cli("backup", "test", name, "-i", tmp_path / "other.txt")
    assert (run.returncode, "encrypted to other keys" in run.stderr) == (1, True)
    newest = CheckRecord(backed_up.serving.state).newest("restore")
    assert newest is not None
    assert newest["ok"] is False


def test_a_school_is_restored_and_answers_as_before(backed_up: School, tmp_path: Path) -> None:
    (backup,) = backed_up.disk.iterdir()
    new = Serving(tmp_path, 1)
    again = elsewhere("restore", backup, "-i", backed_up.identity, folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "epoch 2" in again.stdout
    assert f"install -D -m 0640 -o root -g schoolgate {new.state}/restored-files/" in again.stdout
    new.start()
    assert new.rcode(DENIED) == "NXDOMAIN"
    assert new.problems() == []
    new.stop()
    found = new.cli("log", "search", "--exact", DENIED, "--json")
    assert len(found.stdout.splitlines()) == 2, "a row of before, and one of now"
    refused = elsewhere("restore", backup, "-i", backed_up.identity, folder=tmp_path)
    assert (refused.returncode, "--replace" in refused.stderr) == (1, True)


def test_backups_are_listed_and_a_cut_one_is_named(backed_up: School) -> None:
    (backup,) = backed_up.disk.iterdir()
    assert [one["state"] for one in json.loads(backed_up.done("list", "--json"))["backups"]] == ["whole"]
    whole = backup.read_bytes()
    backup.write_bytes(whole[:5000])
    try:
        assert "cut short" in backed_up.done("list")
        run = backed_up.serving.cli("backup", "test", backup.name, "-i", backed_up.identity)
        assert (run.returncode, "cut short" in run.stderr) == (1, True)
    finally:
        backup.write_bytes(whole)


def test_another_machine_pulls_a_backup_from_standard_output(backed_up: School, tmp_path: Path) -> None:
    pulled = tmp_path / "pulled.tar.age"
    command = [sys.executable, "-m", "schoolgate", "backup", "create", "--to", "-", "-c", str(backed_up.serving.config)]
    with pulled.open("wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=True, timeout=120)
    run = elsewhere("restore", pulled, "-i", backed_up.identity, "--state-dir", tmp_path / "new", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "pulled" in backed_up.done("list")


def test_a_timer_that_asks_often_makes_one_backup_a_day(start: Start) -> None:
    school = School(start(is_started=False))
    warned = school.serving.cli("check").stderr
    assert "schoolgate backup key" in warned, "said before a backup is needed"
    school.done("key", "--out", school.identity)
    assert "no backup was made yet" in school.serving.cli("check").stderr
    for _ in range(2):
        school.done("create", "--if-due")
    assert len(list(school.disk.iterdir())) == 1
    again = school.serving.cli("backup", "key", "--out", school.identity)
    assert (again.returncode, "not replaced" in again.stderr) == (1, True)


def test_a_policy_for_other_networks_is_proved_too(start: Start, tmp_path: Path) -> None:
    """The machine that tests is no client of the school: it is refused, and the same server decides for one that is."""
    school = School(start(policy=ELSEWHERE_ONLY, settings="[backup]\nquery_log = true\n"))
    school.done("key", "--out", school.identity)
    school.done("create")
    run = elsewhere("test", next(school.disk.iterdir()), "-i", school.identity, folder=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "REFUSED" in run.stdout
    assert "there was none yet" in run.stdout


def _on_a_full_disk(school: School, disk: Path, free: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A command that sees a small disk at `disk`, with the public keys of backups where it hides them."""
    keys = school.serving.state / "backup" / "recipients.txt"
    script = (
        f"cp {keys} /tmp/$$\nmount -t tmpfs -o size={free} small {disk}\n"
        f"[ -e {keys} ] || cp /tmp/$$ {keys}\nrm /tmp/$$\n"
        f"[ {free} != 4k ] || head -c 4k /dev/zero > {disk}/filler"
    )
    run = [sys.executable, "-m", "schoolgate", "backup", *map(str, arguments), "--config", str(school.serving.config)]
    return subprocess.run([*with_mounts(script), *run], capture_output=True, text=True, check=False, timeout=120)


@needs_mounts
def test_a_full_disk_is_named_in_each_step_and_nothing_is_half(backed_up: School, tmp_path: Path) -> None:
    state, (backup,) = backed_up.serving.state, backed_up.disk.iterdir()
    key, place = tmp_path / "keys", tmp_path / "new"
    key.mkdir()
    place.mkdir()
    steps: list[tuple[Path, tuple[str | Path, ...]]] = [
        (state / "backup", ("create", "--to", tmp_path)),
        (backed_up.disk, ("create",)),
        (
            place,
            ("restore", backup.rename(tmp_path / backup.name), "-i", backed_up.identity, "--state-dir", place / "s"),
        ),
        (key, ("key", "--out", key / "key.txt")),
    ]
    try:
        for disk, arguments in steps:
            disk.mkdir(exist_ok=True)
            free = "4k" if disk == key else "64k"
            run = _on_a_full_disk(backed_up, disk, free, *arguments)
            assert (run.returncode, "free some space" in run.stderr) == (1, True), (disk, run.stderr)
            assert "Traceback" not in run.stderr
    finally:
        (tmp_path / backup.name).rename(backup)
    assert [one.name for one in backed_up.disk.iterdir()] == [backup.name]
    assert list(place.iterdir()) == []
    assert len(list(tmp_path.glob("*.tar.age"))) == 0
