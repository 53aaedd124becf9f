"""What a policy would do is said before it is in force: by `check`, by `policy apply`, and at the very first start."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import Serving

LOOSER = POLICY.replace('categories = { gambling = "allow" }', 'unknown = "deny"').replace(
    "[segments.pupils]",
    '[policies.kiosk]\ncategories = { games = "deny" }\nsafesearch = { google = true }\n[segments.pupils]',
)
WIDE = POLICY.replace('"denied.example.org"', '"com", "co.uk", "childline.org.uk"')
IDLE = POLICY.replace(
    'deny = ["denied.example.org"]',
    'locked = { categories = { pornography = "deny" } }\nallow = ["pornhub.com"]\n'
    'deny = ["denied.example.org", "childline.org.uk", "accounts.google.com"]',
)


@pytest.fixture
def school(start: Start) -> Serving:
    return start(policy=POLICY)


def written(folder: Path, text: str) -> Path:
    path = folder / "new.policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_strictest_policy_that_is_looser_is_refused_and_each_difference_named(school: Serving) -> None:
    path = written(school.folder, LOOSER)
    for run in (school.cli("policy", "apply", path, "--reason", "try"), school.cli("check", "--policy", path)):
        assert run.returncode == 1
        for said in (
            "games is denied under kiosk",
            "google is locked to strict under kiosk",
            "names that no list knows",
        ):
            assert f"strictest: {said}" in run.stderr
        assert "strictest_may_be_looser" in run.stderr
        assert "Traceback" not in run.stderr
    assert school.control("status")["policy"]["revision"] == 1


def test_a_reason_lets_it_into_force_and_is_said(school: Serving) -> None:
    path = written(school.folder, f'strictest_may_be_looser = "kiosks"\n{LOOSER}')
    run = school.cli("policy", "apply", path, "--reason", "kiosks")
    assert run.returncode == 0, run.stderr
    assert 'allowed: "kiosks"' in run.stderr
    assert school.control("status")["policy"]["revision"] == 2


def test_rules_wider_than_a_site_are_refused_before_anything_closes(school: Serving) -> None:
    run = school.cli("policy", "apply", written(school.folder, WIDE), "--reason", "try")
    assert run.returncode == 1
    assert 'policies.strict.deny[0]: deny "com" closes every site below com' in run.stderr
    assert 'policies.strict.deny[1]: deny "co.uk"' in run.stderr
    assert 'wide_rules] "com"' in run.stderr
    assert school.rcode("www.example.com") == "NOERROR"


def test_what_a_wide_rule_would_close_is_listed_when_it_is_meant(school: Serving) -> None:
    wide = POLICY.replace('"denied.example.org"', '"google.com"')
    run = school.cli("policy", "apply", written(school.folder, wide), "--reason", "try")
    assert run.returncode == 1
    assert "stands above names that must be open: " in run.stderr
    reasons = 'wide_rules = { "google.com" = "none of it in the prep school" }\n'
    run = school.cli("policy", "apply", written(school.folder, reasons + wide), "--reason", "agreed with the head")
    assert run.returncode == 0, run.stderr
    assert "accounts.google.com (guarded), which must be open, would close under open, strict" in run.stderr


def test_rules_without_effect_are_warnings_that_name_why(school: Serving) -> None:
    run = school.cli("policy", "apply", written(school.folder, IDLE), "--reason", "try")
    assert run.returncode == 0, run.stderr
    assert 'policies.strict.allow[0]: allow "pornhub.com" has no effect: its category is locked' in run.stderr
    assert 'policies.strict.deny[1]: deny "childline.org.uk" has no effect: help lines' in run.stderr
    assert "accounts.google.com (guarded), which must be open, would close" in run.stderr
    checked = school.cli("check")
    assert checked.returncode == 0, checked.stderr
    assert "has no effect: help lines" in checked.stderr


def test_a_first_start_refuses_what_check_refuses(start: Start) -> None:
    school = start(policy=WIDE, is_started=False)
    process = school.launch()
    assert process.wait(60) == 1
    assert "closes every site below co.uk" in school.said()
    assert "Traceback" not in school.said()
