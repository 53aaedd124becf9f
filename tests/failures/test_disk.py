"""The state directory fills up, becomes read-only, goes away: DNS goes on, and changes say why they cannot be made."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import inside, needs_mounts, with_mounts
from tests.failures.school import School

SMALL = "16m"


@pytest.fixture
def on_small_disk(school: MakeSchool) -> School:
    """A server whose state directory is a disk of its own."""
    here: School = school(is_started=False)
    start_on_small_disk(here)
    return here


def start_on_small_disk(here: School, after: str = "true") -> None:
    """The disk is filled with the state as it is, then `after` happens to it, then the server starts."""
    state, aside = here.state, here.folder / "aside"
    shutil.copytree(state, aside, symlinks=True)
    mounts = f"mount -t tmpfs -o size={SMALL},mode=750 small {state}\ncp -a {aside}/. {state}/\n"
    here.start(wrap=with_mounts(mounts + after.format(state=state)))


def fill(here: School) -> None:
    """Leaves not one octet free."""
    filler = here.state / "filler"
    command = [*inside(here.pid), "dd", "if=/dev/zero", f"of={filler}", "bs=4096"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert "No space left" in done.stderr


def empty(here: School) -> None:
    subprocess.run([*inside(here.pid), "rm", str(here.state / "filler")], check=True)


@needs_mounts
def test_on_a_full_disk_dns_goes_on_and_a_new_policy_is_refused_for_lack_of_space(on_small_disk: School) -> None:
    here = on_small_disk
    change = here.revision_with("a change")
    fill(here)
    refused = here.cli("policy", "apply", change, "--reason", "test", wrap=inside(here.pid))
    assert refused.returncode == 1
    assert "full" in refused.stderr or "No space left" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert here.status()["policy"]["revision"] == 1
    assert here.filters()
    assert here.rcode("www.example.org") == "NOERROR"

    empty(here)
    applied = here.cli("policy", "apply", change, "--reason", "test", wrap=inside(here.pid))
    assert applied.returncode == 0, applied.stderr
    assert here.status()["policy"]["revision"] == 2


@needs_mounts
def test_on_a_full_disk_a_list_build_is_refused_and_the_lists_in_force_stay(on_small_disk: School) -> None:
    here = on_small_disk
    fill(here)
    refused = here.cli("lists", "build", wrap=inside(here.pid))
    assert refused.returncode == 1
    assert "No space left" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert here.status()["lists"]["serial"] == 1
    assert here.filters()


@needs_mounts
def test_a_restart_on_a_full_disk_comes_up_with_what_was_in_force(school: MakeSchool) -> None:
    here = school(is_started=False)
    start_on_small_disk(here, "dd if=/dev/zero of={state}/filler bs=4096 2>/dev/null || true")
    assert here.filters()
    assert here.status()["policy"]["revision"] == 1


@needs_mounts
def test_when_the_disk_becomes_read_only_dns_goes_on_and_changes_say_so(on_small_disk: School) -> None:
    here = on_small_disk
    change = here.revision_with("a change")
    # The server holds a file open for writing, so a read-only view is laid over the directory.
    for mount in (["--bind", here.state], ["-o", "remount,bind,ro"]):
        subprocess.run([*inside(here.pid), "mount", *map(str, mount), str(here.state)], check=True)
    for command in (("policy", "apply", change, "--reason", "test"), ("lists", "build")):
        refused = here.cli(*command, wrap=inside(here.pid))
        assert refused.returncode == 1
        assert "cannot be written" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert here.filters()
    assert here.status()["policy"]["revision"] == 1


@needs_mounts
def test_on_a_read_only_state_directory_it_does_not_start_and_says_why(school: MakeSchool) -> None:
    here = school(is_started=False)
    mounts = f"mount --bind {here.state} {here.state}\nmount -o remount,bind,ro {here.state}"
    said = here.fails_to_start(wrap=with_mounts(mounts))
    assert f"{here.state}: cannot be written" in said


def test_when_the_state_directory_is_gone_dns_goes_on_and_a_reload_keeps_what_is_in_force(school: MakeSchool) -> None:
    here = school()
    shutil.rmtree(here.state)
    assert here.filters()
    assert here.rcode("www.example.org") == "NOERROR"
    told = here.cli("reload")
    assert f"{here.state}/policy.db is missing; revision 1 stays in force" in told.stderr
    assert here.filters()
    assert here.status()["lists"]["serial"] == 1
