"""What happens to the files of the policy: a name that was denied before is denied after, and DNS answers.

Each test has a school whose second revision denies a name that the first one, which a first start would make again,
lets through.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import inside, needs_mounts, with_mounts
from tests.failures.school import School
from tests.waiting import until

DENIED = "games.example.org"
REPAIR = "schoolgate policy repair"


@pytest.fixture(scope="module")
def stricter(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """A state directory whose revision 2 denies `DENIED` to everybody, by the school's own rule."""
    one = School(tmp_path_factory.mktemp("stricter"), '"127.0.0.1:1"')
    shutil.copytree(built, one.state, symlinks=True)
    deny(one)
    shutil.copy(one.state / "policy.db", one.state.parent / "second.db")
    return one.state


@pytest.fixture
def here(school: MakeSchool, stricter: Path) -> School:
    """A school of that state, which has not started."""
    one = school(is_started=False, program="tests.failures.comparing_server")
    shutil.rmtree(one.state)
    shutil.copytree(stricter, one.state, symlinks=True)
    return one


def deny(here: School, name: str = DENIED) -> None:
    """Applies a revision that denies one more name, with no service running."""
    text = here.cli("policy", "show").stdout
    path = here.folder / "stricter.toml"
    path.write_text(text.replace("deny = []", f'deny = ["{name}"]', 1), encoding="utf-8")
    applied = here.cli("policy", "apply", path, "--reason", "no games")
    assert applied.returncode == 0, applied.stderr


def database(here: School) -> Path:
    return here.state / "policy.db"


def active(here: School) -> Path:
    return here.state / "active-policy.json"


def problem(here: School) -> str:
    """What `status` asks somebody to look at."""
    return "\n".join(here.status()["problems"])


def is_well(here: School) -> bool:
    """Whether nothing is said of the policy's files."""
    return bool(here.status()["policy"]["store"] == {"ok": True, "problems": [], "mended": []})


# -- what may happen to a file ---------------------------------------------------------------------------------


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def halved(path: Path) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) // 2])


def flipped(path: Path) -> None:
    """A bit in each of many places, in the text of the policy too."""
    octets = bytearray(path.read_bytes())
    for at in range(300, len(octets), 997):
        octets[at] ^= 4
    path.write_bytes(octets)


def torn(path: Path) -> None:
    """One page that was not written: zeros in its place."""
    octets = bytearray(path.read_bytes())
    page = len(octets) // 2 // 4096 * 4096
    octets[page : page + 4096] = bytes(len(octets[page : page + 4096]))
    path.write_bytes(octets)


def deleted(path: Path) -> None:
    path.unlink()


def made_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").write_text("in the way", encoding="ascii")


DAMAGES = [emptied, halved, flipped, torn, deleted, made_a_directory]
Damage = Callable[[Path], None]


# -- the database ---------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_changes_nothing_and_is_mended(here: School, damage: Damage) -> None:
    damage(database(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert here.filters()
    assert here.status()["policy"]["revision"] == 2
    assert REPAIR in problem(here)
    mended = here.cli("policy", "repair", "--yes")
    assert mended.returncode == 0, mended.stderr
    assert bool(list(here.state.glob("policy.db.damaged-*"))) is (damage is not deleted)
    assert is_well(here)
    assert here.rcode(DENIED) == "NXDOMAIN"


def test_a_damaged_database_is_said_everywhere_and_refuses_changes(here: School) -> None:
    change = here.revision_with("a change")
    halved(database(here))
    here.start()
    assert here.status()["policy"]["store"]["ok"] is False
    assert REPAIR in here.said()
    assert "schoolgate_policy_store_ok 0" in here.cli("status", "--metrics").stdout
    checked = here.cli("check")
    assert (checked.returncode, REPAIR in checked.stderr) == (1, True), checked.stderr
    reloaded = here.cli("reload")
    assert (reloaded.returncode, REPAIR in reloaded.stderr) == (0, True), reloaded.stderr
    refused = here.cli("policy", "apply", change, "--reason", "test")
    assert (refused.returncode, REPAIR in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    asked = here.cli("policy", "repair")
    assert (asked.returncode, "--yes" in asked.stderr) == (1, True), "a person has to confirm"
    assert here.cli("policy", "repair", "--yes").returncode == 0
    applied = here.cli("policy", "apply", change, "--reason", "test")
    assert applied.returncode == 0, applied.stderr
    assert here.status()["policy"]["revision"] == 3
    assert here.rcode(DENIED) == "NXDOMAIN"


def test_damage_under_the_running_server_is_found_and_mended_in_its_own_time(here: School) -> None:
    here.start()
    halved(database(here))
    until(lambda: REPAIR in problem(here))
    emptied(active(here))
    until(lambda: "written anew from revision 2" in problem(here))
    assert here.rcode(DENIED) == "NXDOMAIN"
    here.kill()
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert here.cli("policy", "repair", "--yes").returncode == 0
    until(lambda: is_well(here))


def test_an_older_copy_of_the_database_is_refused(here: School, built: Path) -> None:
    here.start()
    shutil.copy(built / "policy.db", database(here))
    until(lambda: "older than the policy in force" in problem(here))
    assert here.cli("reload").returncode == 0
    assert here.rcode(DENIED) == "NXDOMAIN"
    here.stop()
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert "older than the policy in force" in problem(here)
    assert here.cli("policy", "repair", "--yes").returncode == 0
    assert is_well(here)
    assert len(here.cli("policy", "log").stdout.splitlines()) == 3, "the older copy had the whole history but the last"


def test_another_installations_database_is_refused(here: School, school: MakeSchool) -> None:
    other = school(is_new=True)
    other.stop()
    for number in range(2):
        deny(other, f"other-{number}.example.org")
    shutil.copy(database(other), database(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert "of another installation" in problem(here)
    refused = here.cli("policy", "rollback", "1", "--reason", "test")
    assert (refused.returncode, REPAIR in refused.stderr) == (1, True)


def test_a_revision_that_was_put_in_place_of_another_is_refused(here: School) -> None:
    connection = sqlite3.connect(database(here))
    connection.execute("DROP TRIGGER revision_is_never_changed")
    connection.execute("UPDATE revision SET text = (SELECT text FROM revision WHERE number = 1) WHERE number = 2")
    connection.commit()
    connection.close()
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert "revision 2 is not what was applied" in problem(here)


# -- the active file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_active_file_is_written_anew_from_the_database_and_said(here: School, damage: Damage) -> None:
    good = active(here).read_bytes()
    damage(active(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert here.filters()
    assert "written anew from revision 2 of the database" in problem(here)
    assert len(active(here).read_bytes()) == len(good)
    assert bool(list(here.state.glob("active-policy.json.damaged-*"))) is (damage is not deleted)
    assert here.cli("reload").returncode == 0
    assert is_well(here), "said until an operator has had it read anew"


def test_an_older_active_file_gives_way_to_the_database(here: School, built: Path) -> None:
    shutil.copy(built / "active-policy.json", active(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert here.status()["policy"]["revision"] == 2
    shutil.copy(built / "active-policy.json", active(here))
    until(lambda: "held an older revision 1" in problem(here))
    assert here.rcode(DENIED) == "NXDOMAIN"


def test_another_installations_active_file_gives_way_to_the_database(here: School, school: MakeSchool) -> None:
    other = school(is_new=True)
    other.stop()
    shutil.copy(active(other), active(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert "of another installation" in problem(here)
    until(lambda: here.cli("check").returncode == 0)


# -- between the two ---------------------------------------------------------------------------------


def test_killed_between_database_and_active_file_the_change_is_published_by_the_next_start(
    here: School, built: Path
) -> None:
    # What such a kill leaves: revision 2 in the database, revision 1 in the file.
    shutil.copy(built / "active-policy.json", active(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert is_well(here)


def test_killed_between_database_and_active_file_a_running_server_publishes_it(here: School) -> None:
    here.start()
    before = active(here).read_bytes()
    shutil.copytree(here.state, here.folder / "aside", symlinks=True)
    deny(here, "chat.example.org")
    newer = database(here).read_bytes()
    here.stop()
    shutil.rmtree(here.state)
    shutil.copytree(here.folder / "aside", here.state, symlinks=True)
    here.start()
    assert here.rcode("chat.example.org") != "NXDOMAIN"
    assert active(here).read_bytes() == before
    database(here).write_bytes(newer)
    until(lambda: here.status()["policy"]["revision"] == 3)
    assert here.rcode("chat.example.org") == "NXDOMAIN"


def test_a_state_of_an_earlier_version_gets_its_active_file_once_and_in_silence(here: School) -> None:
    for name in ("active-policy.json", "installation.json"):
        (here.state / name).unlink()
    connection = sqlite3.connect(database(here))
    connection.execute("DROP TABLE installation")
    connection.commit()
    connection.close()
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert is_well(here)
    written = active(here).read_bytes()
    here.stop()
    here.start()
    assert active(here).read_bytes() == written
    assert is_well(here)


# -- nothing left ---------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [emptied, halved, flipped, deleted])
def test_when_both_are_lost_dns_answers_and_denies_all_that_is_not_always_open(here: School, damage: Damage) -> None:
    damage(database(here))
    damage(active(here))
    here.start()
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert here.rcode("www.example.org") == "NXDOMAIN"
    assert here.filters()
    assert "the policy is lost" in problem(here)
    assert "policy repair --with FILE" in problem(here)
    assert here.cli("policy", "repair", "--yes").returncode == 1
    policy = here.folder / "first.policy.toml"
    assert here.cli("policy", "apply", policy, "--reason", "test").returncode == 1
    mended = here.cli("policy", "repair", "--with", policy, "--yes")
    assert mended.returncode == 0, mended.stderr
    assert is_well(here)
    assert here.rcode("www.example.org") == "NOERROR"
    assert here.filters()


def test_lists_without_a_policy_are_a_first_start_and_a_log_is_not(here: School) -> None:
    here.forget_policy()
    here.start()
    assert here.status()["policy"]["why"].startswith("first start")
    here.stop()
    for pattern in ("policy.db*", "active-policy*", "installation.json"):
        for path in here.state.glob(pattern):
            path.unlink()
    here.start()
    assert "the policy is lost" in problem(here)
    assert here.rcode("www.example.org") == "NXDOMAIN"


# -- no room ---------------------------------------------------------------------------------


@needs_mounts
def test_on_a_full_disk_a_state_without_active_file_starts_from_the_database_and_says_so(here: School) -> None:
    state, aside = here.state, here.folder / "aside"
    shutil.copytree(state, aside, symlinks=True)
    here.start(
        wrap=with_mounts(
            f"mount -t tmpfs -o size=16m,mode=750 small {state}\ncp -a {aside}/. {state}/\n"
            f"rm {state}/active-policy.json\n"
            f"dd if=/dev/zero of={state}/filler bs=4096 2>/dev/null || true"
        )
    )
    assert here.rcode(DENIED) == "NXDOMAIN"
    assert "active-policy.json: is missing" in problem(here)
    assert "No space left on device" in problem(here)
    refused = here.cli("policy", "apply", here.folder / "first.policy.toml", "--reason", "test", wrap=inside(here.pid))
    assert refused.returncode == 1
    assert here.rcode(DENIED) == "NXDOMAIN"
