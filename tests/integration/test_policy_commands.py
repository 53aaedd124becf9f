"""`schoolgate policy ...` beside a running service: every change a revision, in force at once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.conftest import Start
from tests.integration.policies import BROKEN, POLICY, STRICTER
from tests.integration.serving import STAFF, Serving, reasons

from schoolgate.operations.actor import user_name


@pytest.fixture
def school(start: Start) -> Serving:
    return start(policy=POLICY)


def written(folder: Path, text: str) -> Path:
    path = folder / "new.policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_applied_policy_is_in_force_when_the_command_ends(school: Serving) -> None:
    assert school.rcode("games.example.org") == "NOERROR"
    run = school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "no games")
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
    school.cli("policy", "apply", written(school.folder, STRICTER), "--reason", "no games")
    lines = school.cli("policy", "log").stdout.splitlines()
    assert user_name() in lines[1]
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


def test_a_name_is_blocked_for_one_segment_by_one_command(school: Serving) -> None:
    # staff's policy extends that of the pupils, so what is blocked for pupils alone cannot be.
    refused = school.cli("policy", "block", "games.example.org", "--segment", "pupils")
    assert refused.returncode == 1
    assert "--segment staff" in refused.stderr
    run = school.cli("policy", "block", "games.example.org", "--segment", "staff", "--for", "2h")
    assert run.returncode == 0, run.stderr
    assert "in force: revision 2" in run.stdout
    assert school.rcode("games.example.org", source=STAFF) == "NXDOMAIN"
    assert school.rcode("games.example.org") == "NOERROR"
    assert "block games.example.org" in school.cli("policy", "log").stdout
    answer = school.ask("games.example.org", source=STAFF)
    assert [code for code, _ in reasons(answer)] == [15]


def test_a_name_is_opened_until_a_time_by_one_command(school: Serving) -> None:
    without_reason = school.cli("policy", "allow", "denied.example.org", "--for", "1h")
    assert without_reason.returncode == 2
    without_end = school.cli("policy", "allow", "denied.example.org", "--reason", "lesson")
    assert without_end.returncode == 1
    assert "--until 14:30" in without_end.stderr
    run = school.cli("policy", "allow", "denied.example.org", "--for", "1h", "--reason", "lesson in 8b")
    assert run.returncode == 0, run.stderr
    assert school.rcode("denied.example.org") == "NOERROR"
    assert school.cli("explain", "denied.example.org").stdout.count("5 an approved exception with an end") == 1
    again = school.cli("policy", "allow", "denied.example.org", "--for", "1h", "--reason", "lesson in 8b")
    assert "nothing was applied" in again.stdout
    assert school.control("status")["policy"]["revision"] == 2


def test_what_nothing_may_close_is_not_blocked_in_silence(school: Serving) -> None:
    run = school.cli("policy", "block", "help-lines.allowed.example.com")
    assert run.returncode == 1
    assert "would stay open under policy" in run.stderr
    assert "always open" in run.stderr
    assert school.control("status")["policy"]["revision"] == 1


def test_an_address_is_refused_with_its_name(school: Serving) -> None:
    run = school.cli("policy", "block", "https://games.example.org/play")
    assert run.returncode == 1
    assert 'write "games.example.org"' in run.stderr
