"""`schoolgate policy ...` beside a running service: every change a revision, in force at once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.conftest import Start
from tests.integration.policies import BROKEN, POLICY, STRICTER
from tests.integration.serving import Serving


@pytest.fixture
def school(start: Start) -> Serving:
    return start(policy=POLICY)


def written(folder: Path, text: str) -> Path:
    path = folder / "new.policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_applied_policy_is_in_force_when_the_command_ends(school: Serving) -> None:
    assert school.rcode("games.example.org") == "NOERROR"
    run = school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "no games", "--who", "A. Head")
    assert run.returncode == 0, run.stderr
    assert "in force: revision 2" in run.stdout
    assert 'policies.strict.deny: + "games.example.org"' in run.stdout
    assert school.rcode("games.example.org") == "NXDOMAIN"


def test_a_policy_with_mistakes_is_refused_whole_and_names_them_all(school: Serving) -> None:
    run = school.cli("policy", "apply", written(school.folder, BROKEN), "--reason", "try")
    assert run.returncode == 1
    assert "segments.staff.policy" in run.stderr
    assert "did you mean gambling?" in run.stderr
    assert "Traceback" not in run.stderr
    assert school.control("status")["policy"]["revision"] == 1
    assert school.rcode("denied.example.org") == "NXDOMAIN"


def test_a_rollback_is_a_new_revision_with_the_old_text(school: Serving) -> None:
    school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "no games")
    run = school.cli("policy", "rollback", "1", "--reason", "lesson about games")
    assert "in force: revision 3" in run.stdout
    assert school.rcode("games.example.org") == "NOERROR"
    assert school.cli("policy", "show").stdout == school.cli("policy", "show", "1").stdout == POLICY


def test_the_log_says_who_and_why(school: Serving) -> None:
    school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "no games", "--who", "A. Head")
    lines = school.cli("policy", "log").stdout.splitlines()
    assert "A. Head" in lines[1]
    assert "no games" in lines[1]
    assert "first start" in lines[2]


def test_a_file_is_compared_before_it_is_applied(school: Serving) -> None:
    run = school.cli("policy", "diff", str(written(school.folder, STRICTER)))
    assert run.stdout.strip() == 'policies.strict.deny: + "games.example.org"'
    assert school.control("status")["policy"]["revision"] == 1


def test_two_revisions_are_compared(school: Serving) -> None:
    school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "no games")
    assert school.cli("policy", "diff").stdout == school.cli("policy", "diff", "1", "2").stdout
    assert '- "games.example.org"' in school.cli("policy", "diff", "2", "1").stdout


def test_the_same_policy_again_makes_no_revision(school: Serving) -> None:
    run = school.cli("policy", "apply", written(school.folder, POLICY), "--reason", "again")
    assert run.returncode == 0
    assert "nothing was applied" in run.stdout
    assert len(school.cli("policy", "log").stdout.splitlines()) == 2


def test_a_reason_is_required(school: Serving) -> None:
    path = written(school.folder, STRICTER)
    assert school.cli("policy", "apply", path).returncode == 2
    assert school.cli("policy", "apply", path, "--reason", "  ").returncode == 1


def test_without_a_running_service_the_policy_is_stored_for_its_start(start: Start) -> None:
    school = start(policy=POLICY, is_started=False)
    run = school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "before the first start")
    assert "no service runs here" in run.stdout
    school.start()
    assert school.rcode("games.example.org") == "NXDOMAIN"


def test_a_revision_that_is_not_there_is_named(school: Serving) -> None:
    run = school.cli("policy", "show", "7")
    assert run.returncode == 1
    assert "there is no revision 7" in run.stderr
